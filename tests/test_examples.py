"""Every example of the commands that take settings, as `--help` has it."""

import importlib
import re
import shlex

import pytest

from fastnst import config, run_settings, study

SCHEMAS = {
    "train": run_settings.TrainSettings,
    "base": run_settings.BaseSettings,
    "gatys": run_settings.GatysSettings,
    "compare": run_settings.CompareSettings,
    "calibrate": run_settings.CalibrateSettings,
}


def examples():
    """Command lines without what explains them, and without sweeps."""
    for command in (*SCHEMAS, "study"):
        for line in importlib.import_module(f"fastnst.cli.{command}").TEXT.splitlines():
            words = shlex.split(re.split(r"\s{3,}", line.strip())[0]) if line.startswith("  fastnst ") else []
            if len(words) > 2 and "-m" not in words:
                yield words[1:]


EXAMPLES = list(examples())


def test_every_command_has_some():
    assert {words[0] for words in EXAMPLES} == {*SCHEMAS, "study"}


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_an_example_is_accepted(words):
    command, *given = words
    if command == "study":
        name, *given = given
        for each in study.names() if name == "all" else [name]:
            assert study.cells(each, study.load(each, given), given)
    else:
        config.typed(SCHEMAS[command], config.load(command, given))
