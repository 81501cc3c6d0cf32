"""The package is layered: a module may import only from layers above its own in this list."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fastnst"
LAYERS = [
    {"errors", "progress", "colour_profiles", "quiet_openvino"},
    {"settings"},
    {
        "files",
        "pixels",
        "brush",
        "devices",
        "interrupts",
        "architectures",
        "memory",
        "phases",
        "environment",
        "muon",
        "strangers",
        "records",
        "run_settings",
    },
    {"opening", "tiling", "strokes", "metrics", "grain", "grid", "distances", "colours"},
    {"images", "networks", "graphs", "compiled", "samples", "brushstrokes", "config", "winograd"},
    {"inputs", "defects"},
    {"vgg_weights", "photo_sources", "photo_store", "paintings", "style_file", "plan", "study", "likeness"},
    {"vgg", "photo_split", "crops"},
    {
        "losses",
        "findings",
        "data",
        "report",
        "style_record",
        "warm_start",
        "style_targets",
        "calibrated",
        "openvino_engine",
        "torch_engine",
    },
    {"guard", "checkpoints", "study_figures", "tiled_loss", "optimisers"},
    {"training", "gatys", "engines", "manifest", "strength", "artefacts"},
    {"calibration", "base_training", "watch", "coarse_to_fine", "big_pictures"},
    {"strengths_sheet", "mixtures"},
    {"trainers"},
    {
        "training_run",
        "gatys_run",
        "calibrate_run",
        "base_run",
        "application",
        "contestants",
        "batching",
    },
    {"demo", "peak_memory", "repaint"},
    {"refine"},
    {"bench", "stylise", "gallery", "blend", "compare_summary", "study_network"},
    {"comparison", "compare_results", "compare_report"},
    {"compare_run", "study_run"},
    {"contest", "ranking"},
    {"ballots"},
    {"web"},
    {"cli"},
]
ALLOWED = {("vgg_weights", "vgg")}  # the scale of weights that are the user's own is measured by running them
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path) -> set[str]:
    """Names of the fastnst modules that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "fastnst":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fastnst."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fastnst.")}
    return {module for module in found if not module.startswith("__")}


def test_every_module_has_its_layer():
    modules = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES}
    assert {module for module in modules if not module.startswith("__")} - RANK.keys() == set()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_point_up(path):
    module = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if not module.startswith("__"):
        below = {other for other in imports(path) - {module} if RANK[other] >= RANK[module]}
        assert {(module, other) for other in below} - ALLOWED == set()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
