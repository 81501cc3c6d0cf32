"""Pictures of any size: memory and time of a poster, and how far tiles are from the whole.

    python benchmarks/big_pictures.py                    both, JSON on stdout; some two minutes on two cores
    python benchmarks/big_pictures.py tiles --out DIR    one of them (poster, tiles), with its pictures

The photos are made of scikit-image's, side by side. "poster": 12,000 x 9,000 px, JPEG to JPEG, a process of
its own with ``--memory 2GB``. "tiles": 4 megapixels at once and in tiles, per precision, and what the
command takes for either; the difference goes to ``--out`` as a picture, times 50 and around grey, where a
seam would be a line.
"""

import argparse
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from process import measured

from fastnst import big_pictures, samples, style_file
from fastnst.engines import open_engine
from fastnst.environment import describe

POSTER = (12_000, 9_000)  # px, width and height
MIDDLE = (2_448, 1_632)  # px: 4.0 megapixels
PIECE = 816  # px
GAIN = 50  # of the difference picture


def made(width: int, height: int) -> Image.Image:
    """scikit-image's photos side by side, in pieces of 816 px at many scales."""
    photo = Image.new("RGB", (width, height))
    sources = [Image.open(samples.photo(name)).convert("RGB") for name in samples.PHOTOS]
    places = itertools.product(range(0, height, PIECE), range(0, width, PIECE))
    for index, (top, left) in enumerate(places):
        source = sources[index % len(sources)]
        side = int(min(source.size) * (1 - 0.5 * (index * 0.618 % 1)))
        piece = source.crop((0, 0, side, side)).resize((PIECE, PIECE), Image.Resampling.BICUBIC)
        photo.paste(piece, (left, top))
    return photo


def poster(asked: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Peak memory and time of the command."""
    photo, picture = work / "poster.jpg", asked.out / "poster.jpg" if asked.out else work / "picture.jpg"
    made(*POSTER).save(photo, quality=92)
    command = [sys.executable, "-m", "fastnst", "stylise", str(photo), "-s", asked.style]
    taken = measured([*command, "-o", str(picture), "--memory", "2GB", "--stroke", "1"])
    Image.MAX_IMAGE_PIXELS = math.prod(POSTER)
    with Image.open(picture) as image:
        size = image.size
    return {"px": size, "seconds": round(taken.ms / 1000, 1), "peak_mb": round(taken.peak_mb)}


def tiles(asked: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The largest and the mean difference between at once and in tiles, in levels of 255."""
    photo = np.asarray(made(*MIDDLE))
    style = style_file.read(style_file.find(asked.style))
    found: dict[str, Any] = {"px": MIDDLE, "processes": {}}
    file = work / "middle.jpg"
    made(*MIDDLE).save(file, quality=92)
    command = [sys.executable, "-m", "fastnst", "stylise", str(file), "-s", asked.style]
    for memory in ("2GB", "300MB", "200MB"):
        options = ["--memory", memory, "--stroke", "1"]
        taken = measured([*command, *options, "-o", str(work / "middle.png")])
        found["processes"][memory] = {
            "seconds": round(taken.ms / 1000, 1),
            "peak_mb": round(taken.peak_mb),
        }
    for precision in asked.precision:
        engine = open_engine(style, engine="openvino", precision=precision)
        whole = big_pictures.paint(photo, engine)
        parts = big_pictures.paint(photo, engine, memory=100_000_000)
        apart = parts.astype(np.int16) - whole
        found[precision] = {
            "largest": int(np.abs(apart).max()),
            "mean": round(float(np.abs(apart).mean()), 4),
            "above_2": float((np.abs(apart) > 2).mean()),
        }
        if asked.out:
            Image.fromarray(whole).save(asked.out / f"whole_{precision}.png")
            Image.fromarray(parts).save(asked.out / f"tiles_{precision}.png")
            shown = np.uint8(np.clip(128 + GAIN * apart.astype(np.int32), 0, 255))
            Image.fromarray(shown).save(asked.out / f"difference_{precision}.png")
    return found


PARTS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {"poster": poster, "tiles": tiles}


def main() -> None:
    """Run the parts asked for and print their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; both by default")
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--out", type=Path, help="a folder for the pictures")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = describe()
    with tempfile.TemporaryDirectory() as folder:
        for part in asked.parts or PARTS:
            found[part] = PARTS[part](asked, Path(folder))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
