"""Records, rounds and ratios; never a time."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import tiny_style

from fastnst import bench, cli, contestants, environment, peak_memory, style_file
from fastnst.bench import Record, interleaved, quartiles, turn
from fastnst.cli.bench import _table
from fastnst.contestants import EAGER, Contestant, gathered, opened
from fastnst.errors import ConfigError, ImageError, StyleFileError


class Clock:
    """Seconds that pass only where a call lets them."""

    def __init__(self):
        self.now = 0.0
        self.log = []

    def __call__(self):
        return self.now

    def call(self, name, *seconds):
        left = list(seconds)

        def run():
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


class Still:
    """A runner that gives pictures back, and refuses those above a size."""

    batch = 1

    def __init__(self, most=1 << 20):
        self.most = most

    def stylise(self, pictures):
        if pictures.shape[1] > self.most:
            raise ImageError("not enough memory")
        return pictures


@pytest.fixture
def quick(monkeypatch):
    """One call a turn, a small baseline."""
    monkeypatch.setattr(bench, "TURN", 0.0)
    monkeypatch.setattr(contestants, "BASELINE", tiny_style.NETWORK)


@pytest.fixture
def tiny(tmp_path):
    return str(tiny_style.write(tmp_path))


def contestant(style, engine="torch", **changes):
    return Contestant(style, "tiny", engine, "float32", "cpu", 1, **changes)


def test_contestants_take_turns_forth_and_back():
    clock = Clock()
    calls = [clock.call("a", 1), clock.call("b", 2), clock.call("c", 4)]
    rounds = []
    times = interleaved(calls, runs=3, clock=clock, report=rounds.append)
    assert "".join(clock.log) == "abc" + "cba" + "abc"
    assert times == [[1, 1, 1], [2, 2, 2], [4, 4, 4]]
    assert rounds == [0, 1, 2, 3]


def test_a_short_calls_first_time_does_not_count():
    clock = Clock()
    seconds = turn(clock.call("short", 0.08, 0.03, 0.02, 0.04, 0.02), clock)
    assert seconds == pytest.approx(0.025)  # of 0.03, 0.02, 0.04 and 0.02
    assert len(clock.log) == 5
    clock.log.clear()
    assert turn(clock.call("long", 3, 5), clock) == 3
    assert clock.log == ["long"]


def test_quartiles_are_those_of_the_standard_library():
    import statistics

    values = [5.0, 1.0, 9.0, 2.0, 7.0, 4.0, 3.0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    assert quartiles(values) == (middle, high - low)


def test_ratios_are_to_the_baseline_of_the_same_size(tiny, monkeypatch):
    seconds = {(EAGER, 32): 8.0, (EAGER, 64): 30.0, ("torch", 32): 2.0, ("torch", 64): 3.0}
    monkeypatch.setattr(bench, "_warm", lambda entry: True)
    monkeypatch.setattr(bench, "_call", lambda entry: entry)
    monkeypatch.setattr(
        bench,
        "interleaved",
        lambda calls, *, runs, report: [
            [seconds[one.contestant.engine, one.size] * one.batch * factor for factor in (1, 0.5, 4)]
            for one in calls
        ],
    )
    both = {contestant(tiny, EAGER, random=True): Still(), contestant(tiny): Still()}
    records = bench.bench(both, sizes=(32, 64), batches=(1, 2), runs=3, memory=False)
    assert [(one.engine, one.size, one.batch, one.ms_median, one.ratio) for one in records] == [
        (EAGER, 32, 1, 8000, 1),
        ("torch", 32, 1, 2000, 4),
        ("torch", 32, 2, 2000, 4),
        (EAGER, 64, 1, 30000, 1),
        ("torch", 64, 1, 3000, 10),
        ("torch", 64, 2, 3000, 10),
    ]
    assert [one.ms_iqr for one in records[:2]] == [8000 * 1.75, 2000 * 1.75]
    assert [one.style for one in records[:2]] == [None, "tiny"]


def test_what_the_memory_does_not_suffice_for_is_left_out(tiny, quick, caplog):
    both = {contestant(tiny, EAGER, random=True): Still(most=40), contestant(tiny): Still()}
    records = bench.bench(both, sizes=(32, 64), runs=1, memory=False)
    assert [(one.engine, one.size) for one in records] == [(EAGER, 32), ("torch", 32), ("torch", 64)]
    assert records[-1].ratio is None
    assert "tiny in eager torch is left out at 64 px: not enough memory" in caplog.text


def test_the_baseline_paints_what_the_torch_engine_paints(tiny):
    pictures = peak_memory.noise(33, 2)
    eager, engine = (opened(contestant(tiny, name)).stylise(pictures) for name in (EAGER, "torch"))
    assert eager.shape == pictures.shape
    assert np.abs(eager.astype(int) - engine.astype(int)).max() <= 1


def test_a_network_is_called_by_its_preset_and_the_baseline_comes_first(tmp_path):
    with gathered(networks=["johnson_half"], engines=["torch"], precisions=["float32"], threads=1) as found:
        baseline, other = found
    assert (baseline.network, baseline.engine, baseline.random) == ("johnson", EAGER, True)
    assert (other.network, other.engine, other.random) == ("johnson_half", "torch", True)
    assert not Path(other.style).exists()


def test_a_style_that_no_preset_makes_is_called_by_its_arguments(tiny, quick):
    with gathered(styles=[tiny], engines=["torch"], precisions=["float32"], threads=1) as found:
        assert [one.network for one in found] == ["johnson(width=4, blocks=1)"] * 2


def test_random_weights_are_the_same_in_every_run(tmp_path):
    first, second = (contestants._random(tiny_style.NETWORK, tmp_path / name) for name in "ab")
    for name, values in first.weights().items():
        np.testing.assert_array_equal(values, second.weights()[name])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"networks": ["rembrandt"]}, "there is no network 'rembrandt'; there are .*johnson"),
        ({"engines": ["auto"]}, "auto is one of the others"),
        ({"precisions": ["auto"]}, "auto is one of the others"),
        ({"engines": ["steam"]}, "there is no engine 'steam'; there are .*torch"),
        ({"engines": ["torch", "steam"]}, "there is no engine 'steam'"),
        ({"precisions": ["float32", "float3"]}, "there is no precision 'float3'"),
        ({"device": "cuda:77"}, "there is no device 'cuda:77'"),
    ],
)
def test_what_is_not_here_is_named(tiny, quick, settings, words):
    with pytest.raises(ConfigError, match=words), gathered(styles=[tiny], **settings):
        pass


def test_an_unknown_style_is_named():
    with pytest.raises(StyleFileError, match="there is no style 'nobody'"), gathered(styles=["nobody"]):
        pass


def test_memory_is_that_of_a_process_of_its_own(tiny):
    small, large, again = peak_memory.peaks(contestant(tiny), [(32, 1), (512, 1), (32, 1)])
    assert small == again
    assert 20 < small < large < 20_000


def test_a_process_that_fails_is_told_of(tmp_path, caplog):
    assert peak_memory.peaks(contestant(str(tmp_path / "none")), [(32, 1)]) == [None]
    assert "the memory of tiny in torch was not measured: " in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="the figure to compare with is Linux's")
def test_the_peak_is_not_that_of_the_process_before():
    code = "from fastnst.peak_memory import resident_peak; print(resident_peak())"
    code = (
        f"import subprocess, sys; held = b'x' * {1 << 29}; subprocess.run([sys.executable, '-c', {code!r}])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(bench.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert int(done.stdout) < 1 << 29


def test_surroundings_say_what_was_measured():
    found = environment.describe(packages=["numpy", "no-such-package"])
    assert found["versions"].keys() == {"fastnst", "python", "numpy"}
    assert found["date"][:2] == "20"
    assert found["cpu"]


def test_records_go_to_stdout_and_to_a_file(home, quick, capsys):
    arguments = ["--size", "64,32", "--runs", "2", "--threads", "1", "--precision", "float32"]
    assert cli.main(["bench", "-s", "tiny.safetensors", "--json", "out/all.json", *arguments]) == 0
    out, err = capsys.readouterr()
    heads, *rows = (line.split("  ") for line in out.splitlines())
    assert heads[0] == "NETWORK"
    records = json.loads(Path("out/all.json").read_text())
    assert len(rows) == len(records) == 6
    assert [set(record) for record in records] == [{field.name for field in fields(Record)}] * 6
    assert [asdict(Record(**record)) for record in records] == records
    parameters = style_file.read("tiny.safetensors").parameters
    for record in records:
        assert record["threads"] == 1
        assert record["runs"] == 2
        assert record["parameters"] == parameters
        assert record["peak_mb"] > 20
        assert record["ms_median"] > 0
    assert [(record["size"], record["engine"]) for record in records] == [
        (size, engine) for size in (64, 32) for engine in (EAGER, "openvino", "torch")
    ]
    assert "timing" in err
    assert "measuring memory" in err
    one = Record(**records[1])
    assert [row.split("  ")[0] for row in _table([one, one])[1:]] == [one.network] * 2
    assert [row.split("  ")[0] for row in _table([one, replace(one, style="other")])[1:]] == [
        f"{one.network} ({style})" for style in (one.style, "other")
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--size", "8"], 2, "8 is too small: at least 16 is needed"),
        (["--size", "256x256"], 2, "'256x256' is not a list of whole numbers"),
        (["--runs", "0"], 2, "Invalid value for '--runs'"),
        (["--network", "rembrandt"], 1, "fastnst: there is no network 'rembrandt'"),
        (["--engine", "steam"], 1, "fastnst: there is no engine 'steam'"),
        (["--json", "photo.png/all.json"], 1, "fastnst: cannot write photo.png/all.json"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(home, capsys, arguments, status, words):
    assert cli.main(["bench", *arguments]) == status
    out, err = capsys.readouterr()
    assert words in err
    assert "timing" not in err
    assert out == ""


def test_a_stop_leaves_no_file(home, quick, capsys, monkeypatch):
    def stop(*_arguments, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "interleaved", stop)
    assert cli.main(["bench", "-s", "tiny.safetensors", "--size", "32", "--json", "all.json"]) == 130
    assert "fastnst: stopped" in capsys.readouterr().err
    assert not Path("all.json").exists()
