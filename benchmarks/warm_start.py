"""Time to quality for paintings that no base has seen: from the base, from scratch, and trained much longer.

    python benchmarks/warm_start.py --paintings FOLDER --held-out FOLDER --photos FOLDER... -- la_grande_jatte

Writes benchmarks/warm_start.json after each training, and goes on from there. Seconds are from the command to
the finished file, calibration and strengths and all, on what else the machine had to do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

from fastnst import files, style_file
from fastnst.environment import describe

OUT = Path(__file__).with_name("warm_start.json")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="paintings of conf/painting that the base has not seen")
    parser.add_argument("--paintings", required=True, type=Path)
    parser.add_argument("--held-out", required=True, type=Path)
    parser.add_argument("--photos", required=True, type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=600, help="those of conf/trainer/default.yaml")
    parser.add_argument("--base", type=int, nargs="*", default=[1, 20], help="times the steps, from the base")
    parser.add_argument("--scratch", type=int, nargs="*", default=[1, 2, 4], help="likewise, from scratch")
    parser.add_argument("--keep", type=Path, help="a folder for the styles")
    asked = parser.parse_args()
    jobs = [*(("auto", times) for times in asked.base), *(("scratch", times) for times in asked.scratch)]
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    for init, times in jobs:
        for name in asked.names:
            key = f"{'base' if init == 'auto' else init} x{times}"
            steps = times * asked.steps
            if found.setdefault(name, {}).get(key, {}).get("steps") == steps:
                continue
            found[name][key] = trained(name, init, steps, asked)
            with files.atomic(OUT) as partial:
                partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(name, key, found[name][key], flush=True)


def trained(name: str, init: str, steps: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Held-out total and seconds of one training, and where it ran."""
    photos = ",".join(str(folder.resolve()) for folder in asked.photos)
    with tempfile.TemporaryDirectory() as folder:
        out = (asked.keep or Path(folder)).resolve() / f"{name}-{init}-{steps}.safetensors"
        command = [
            *(sys.executable, "-m", "fastnst", "train", f"painting={name}", f"init={init}", f"out={out}"),
            *(f"painting.dir={asked.paintings.resolve()}", "data=folder", f"data.path=[{photos}]"),
            *(f"data.val_path={asked.held_out.resolve()}", "data.workers=0", f"trainer.max_steps={steps}"),
            *(f"hydra.run.dir={folder}/run", f"trainer.val_check_interval={steps}"),
        ]
        start = monotonic()
        subprocess.run(command, check=True)
        seconds = monotonic() - start
        record = style_file.read(out).record
    return {
        "steps": steps,
        "held_out_total": record["held_out"]["total"],
        "seconds": round(seconds),
        "environment": describe(packages=("torch",)),
    }


if __name__ == "__main__":
    main()
