"""The scripts in benchmarks/ that turn measured JSON into what people read."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import chart  # noqa: E402
import tables  # noqa: E402

sys.path.remove(str(FOLDER))

ENVIRONMENT = {
    "date": "2026-01-02T03:04:05",
    "commit": "abc",
    "cpu": "2 x Processor",
    "versions": {"torch": "3"},
}
LOSSES = {"noise": {"johnson": {"total": 2.0}, "small": {"total": 2.1}}, "dots": {"johnson": {"total": 1.0}}}


def record(network, engine, size, ms, **changes):
    return {
        "network": network,
        "engine": engine,
        "precision": "float32",
        "size": size,
        "batch": 1,
        "threads": 2,
        "ms_median": ms,
        "ms_iqr": ms / 10,
        "ratio": 500 / ms,
        "peak_mb": 80.4,
        "parameters": 12_345,
        "runs": 7,
        "environment": ENVIRONMENT,
        **changes,
    }


RECORDS = [
    record("johnson", "eager torch", 512, 500.0),
    record("small", "openvino", 512, 12.34),
    record("small", "openvino", 1024, 1234.5),
]


@pytest.fixture
def results(tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(RECORDS))
    (tmp_path / "quality.json").write_text(json.dumps({"paintings": LOSSES, "steps": 100}))
    return tables.Results(tmp_path)


def test_tables_in_the_repository_are_those_of_its_json():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert tables.filled(page, tables.Results(FOLDER)) == page


def test_a_table_holds_times_ratios_and_losses(results):
    page = tables.filled("before\n<!-- table: speed -->\nold\n<!-- end -->\nafter\n", results)
    assert page.startswith("before\n<!-- table: speed -->\n2026-01-02, 2 x Processor, 2 threads, 7 rounds")
    assert page.endswith("<!-- end -->\nafter\n")
    assert "| johnson | eager torch, float32 | 500 (50.0) |  | 12 k | 1.0 | 1.000 |" in page
    assert "| small | openvino, float32 | 12.3 (1.2) | 1,234 (123) | 12 k | 40.5 | 1.050 |" in page
    assert tables.filled(page, results) == page


def test_what_was_not_measured_is_said_to_be_so(results):
    assert "Not measured yet" in tables.filled("<!-- table: gpu -->\n<!-- end -->", results)
    with pytest.raises(SystemExit, match="there is no table 'beauty'"):
        tables.filled("<!-- table: beauty -->\n<!-- end -->", results)


def test_losses_are_means_over_the_paintings_that_all_networks_have():
    assert chart.mean_losses({"paintings": LOSSES}, {"johnson", "small"}) == {"johnson": 2.0, "small": 2.1}
    assert chart.mean_losses({"paintings": LOSSES}, {"johnson"}) == {"johnson": 1.5}


def test_the_chart_is_drawn(tmp_path):
    figure = chart.draw(RECORDS, {"johnson": 2.0, "small": 2.1}, size=512, loss_size=256, paintings=1)
    said = {text.get_text() for text in figure.axes[0].texts}
    assert said == {"500", "12.3", "johnson, 12 k weights, loss 2.00", "small, 12 k weights, loss 2.10"}
    figure.savefig(tmp_path / "chart.png")
