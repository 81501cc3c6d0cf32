"""Starting up is part of the speed: a command pays for what it uses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_style

import fastnst

TRAINING = {"datasets", "hydra", "matplotlib", "omegaconf", "pytorch_lightning", "skimage", "torchvision"}
TRAINING |= {"huggingface_hub", "pandas", "pyarrow", "scipy", "torchmetrics"}
SERVER = {"jinja2", "starlette", "uvicorn"}
HEAVY = {*TRAINING, *SERVER, "numpy", "openvino", "PIL", "safetensors", "torch", "tqdm"}
CALLS_HOME = {"openvino.tools.ovc", "openvino_telemetry", "http.client", "urllib.request"}
NEEDLESS = {  # for one JPEG on a CPU, when the network is compiled: what was seen to creep in, and takes time
    *TRAINING,
    *SERVER,
    *CALLS_HOME,
    "torch",
    "tqdm",
    "fastnst.graphs",
    "fastnst.networks",
    "fastnst.torch_engine",
    "safetensors",
    "PIL.PngImagePlugin",
    "PIL.ImageCms",
    "argparse",
    "asyncio",
    "importlib.metadata",
    "multiprocessing",
    "unittest",
}


def loaded(code: str, modules: set[str], folder=None) -> set[str]:
    """Those of ``modules`` that are imported when ``code`` has run in a Python of its own."""
    code = f"import sys\n{code}\nprint(*sorted({modules!r} & sys.modules.keys()))"
    env = {**os.environ, "PYTHONPATH": str(Path(fastnst.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder, env=env
    )
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["fastnst", "fastnst.cli", "fastnst.errors", "fastnst.progress"])
def test_the_command_line_starts_with_nothing_heavy(module):
    assert loaded(f"import {module}", HEAVY) == set()


@pytest.mark.parametrize("module", ["images", "samples", "style_file", "engines", "stylise", "config"])
def test_what_needs_no_torch_imports_none(module):
    assert loaded(f"import fastnst.{module}", {*TRAINING, "torch"}) == set()


@pytest.mark.parametrize("module", ["losses", "networks", "vgg"])
def test_what_needs_torch_imports_no_more(module):
    assert loaded(f"import fastnst.{module}", TRAINING) == set()


def after(arguments: list[str], modules: set[str], folder) -> set[str]:
    """Those of ``modules`` that a command has imported, which must end well."""
    return loaded(f"from fastnst.cli import main\nassert main({arguments!r}) == 0", modules, folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["stylise", "--help"],
        ["train", "--help"],
        ["gatys", "--help"],
        ["compare", "--help"],
        ["study", "--help"],
        ["demo", "--help"],
        ["vote", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(tmp_path, arguments):
    assert after(arguments, HEAVY, tmp_path) == set()


@pytest.mark.parametrize(
    "arguments", [["styles"], ["styles", "--json"], ["info", "tiny.safetensors"]], ids=" ".join
)
def test_styles_are_shown_by_their_headers_alone(tmp_path, arguments):
    tiny_style.write(tmp_path)
    assert after(arguments, {*HEAVY, *CALLS_HOME}, tmp_path) == set()


def test_stylising_imports_nothing_of_training(tmp_path):
    tiny_style.write(tmp_path)
    arguments = ["stylise", "sample:chelsea", "-s", "tiny.safetensors", "-o", "out.png", "--size", "32"]
    assert after(arguments, {*TRAINING, *CALLS_HOME, "torch"}, tmp_path) == set()
    assert (tmp_path / "out.png").is_file()


def test_the_second_start_imports_only_what_one_photo_needs(tmp_path):
    tiny_style.write(tmp_path)
    tiny_style.save(str(tmp_path / "photo.jpg"), tiny_style.noise(32, 48))
    arguments = ["stylise", "photo.jpg", "-s", "tiny.safetensors", "-o", "out.jpg", "--device", "cpu"]
    first, second = (after(arguments, NEEDLESS, tmp_path) for _ in range(2))
    assert "fastnst.graphs" in first
    assert second == set()


def test_openvino_comes_without_what_calls_home():
    assert loaded("import fastnst.graphs", CALLS_HOME) == set()


def test_openvinos_converter_is_there_for_who_wants_it():
    code = (
        "import fastnst.quiet_openvino, importlib.util\nassert importlib.util.find_spec('openvino.tools.ovc')"
    )
    assert loaded(code, CALLS_HOME) == set()
