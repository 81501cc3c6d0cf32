"""The house is in order: what pyproject, conf/, scripts/ and the documents promise is there."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnst
from fastnst import config

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"])
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
IN_TURN = {
    "PIL": "pillow",
    "hydra": "hydra-core",
    "skimage": "scikit-image",
}  # modules named unlike their package


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def targets(document: Path) -> list[str]:
    """Files of the repository that a Markdown document links to or shows."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"", text)
    links = ["".join(pair).partition("#")[0] for pair in found]
    return [link for link in links if link and "://" not in link and not link.startswith("mailto:")]


def third_party_imports() -> set[str]:
    """Top-level modules that fastnst imports and that are not Python's own."""
    modules = set()
    for path in (ROOT / "fastnst").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                modules.add(node.module.partition(".")[0])
    return modules - sys.stdlib_module_names - {"fastnst"}


def declared() -> set[str]:
    """Names in pyproject's dependencies and extras."""
    project = pytest.importorskip("tomllib").loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(row for extra in extras for row in extras[extra] if extra != "dev")]
    return {re.split(r"[^\w.-]", row)[0].lower() for row in wanted}


def test_the_settings_are_found_beside_the_package():
    assert config.conf_dir() == ROOT / "conf"
    assert not (ROOT / "fastnst" / "conf").exists()  # it would hide the real one


def test_each_application_of_conf_opens_with_the_command_that_runs_it():
    applications = sorted((ROOT / "conf").glob("*.yaml"))
    assert {path.stem for path in applications} >= {"train", "gatys"}
    for path in applications:
        assert path.read_text(encoding="utf-8").startswith(f"# fastnst {path.stem} "), name(path)


def test_the_installed_version_is_the_one_in_the_code():
    try:
        installed = importlib.metadata.version("fastnst")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("fastnst runs from a checkout that was never installed: scripts/setup installs it")
    assert installed == fastnst.__version__


def test_the_changelog_names_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[?([^\]\s]+)", changelog, flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert fastnst.__version__ in headings


def test_every_third_party_import_is_declared():
    missing = {IN_TURN.get(module, module.replace("_", "-")) for module in third_party_imports()} - declared()
    assert not missing, f"imported by fastnst, but not in pyproject.toml: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents_name_files_that_exist(document):
    missing = [link for link in targets(document) if not (document.parent / link).exists()]
    missing += [
        script
        for script in re.findall(r"\bscripts/\w+", document.read_text(encoding="utf-8"))
        if not (ROOT / script).is_file()
    ]
    assert not missing, f"{name(document)} names {', '.join(missing)}"


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_scripts_are_executable_bash(script):
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n#")
    subprocess.run(["bash", "-n", script], check=True)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_what_ships_is_twelve_styles_in_fifteen_megabytes():
    folder = ROOT / "fastnst" / "styles"
    assert len(list(folder.glob("*.safetensors"))) == 12
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) <= 15_000_000
