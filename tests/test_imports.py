"""Starting up is part of the speed: a command pays for what it uses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_style

import fastnst

TRAINING = {"datasets", "hydra", "matplotlib", "omegaconf", "pytorch_lightning", "skimage", "torchvision"}
HEAVY = {*TRAINING, "numpy", "PIL", "safetensors", "torch", "tqdm"}


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
        ["demo", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(tmp_path, arguments):
    assert after(arguments, HEAVY, tmp_path) == set()


@pytest.mark.parametrize(
    "arguments", [["styles"], ["styles", "--json"], ["info", "tiny.safetensors"]], ids=" ".join
)
def test_styles_are_shown_without_torch(tmp_path, arguments):
    tiny_style.write(tmp_path)
    assert after(arguments, {*TRAINING, "torch"}, tmp_path) == set()


def test_stylising_imports_nothing_of_training(tmp_path):
    tiny_style.write(tmp_path)
    arguments = ["stylise", "sample:chelsea", "-s", "tiny.safetensors", "-o", "out.png", "--size", "32"]
    assert after(arguments, TRAINING, tmp_path) == set()
    assert (tmp_path / "out.png").is_file()
