"""docs/studies.md quotes what was measured."""

import json
from pathlib import Path

from fastnst import study

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_quotes_every_finding_as_it_was_measured():
    page = (DOCS / "studies.md").read_text(encoding="utf-8")
    measured = json.loads((DOCS / "studies.json").read_text(encoding="utf-8"))
    assert f"`fastnst study all {measured['settings']}`" in page
    assert set(measured["studies"]) == set(study.names())
    for name, record in measured["studies"].items():
        assert f"<!-- finding: {name} -->\n> {record['finding']}\n<!-- end -->" in page
        assert f"`fastnst study {name}" in page
        assert (DOCS / f"pictures/studies/{name}.jpg").is_file()
