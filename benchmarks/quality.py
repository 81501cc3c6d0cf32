"""Measures trained styles on held-out photos: losses, the grid in the spectrum, contact sheets.

    python benchmarks/quality.py --paintings FOLDER --held-out FOLDER --sheets FOLDER STYLE... > quality.json

Losses, each style's own, are of what the default engine makes of the photos' middle squares, bytes and all.
Beside them: the total in float32, and how far the two precisions' pictures of 512 px are apart.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastnst import config, images, losses, metrics, paintings, style_file, vgg_weights
from fastnst.contestants import named
from fastnst.engines import Engine, open_engine
from fastnst.report import sheet
from fastnst.settings import recorded_loss
from fastnst.style_file import Style

SHOWN = (512, 1024)  # px, of the contact sheets


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("styles", nargs="+", type=Path, help="style files")
    parser.add_argument("--paintings", required=True, type=Path, help="the folder of the paintings' pictures")
    parser.add_argument("--held-out", required=True, type=Path, help="a folder of photos")
    parser.add_argument(
        "--size", type=int, default=256, help="px, of the squares that losses are measured on"
    )
    parser.add_argument("--show", nargs="*", type=Path, default=[], help="photos of the contact sheets")
    parser.add_argument("--sheets", type=Path, help="a folder for contact sheets, PAINTING-SIZE.jpg")
    asked = parser.parse_args()

    photos = [image for image in sorted(asked.held_out.iterdir()) if image.suffix.lower() in images.SUFFIXES]
    squares = np.stack([square(photo, asked.size) for photo in photos])  # (B, size, size, 3)
    large = [images.load(photo, size=512).pixels for photo in photos[:12]]
    found: dict[str, dict[str, Any]] = {}
    engines: dict[str, dict[str, Engine]] = {}
    for path in asked.styles:
        style = style_file.read(path)
        name, network = style.record["name"], named(style.record["network"])
        engine = open_engine(style)
        exact = open_engine(style, precision="float32")
        engines.setdefault(name, {})[network] = engine
        pictures = [engine.stylise(one[None]) for one in large]
        apart = [
            np.abs(exact.stylise(one[None]) - mine.astype(int))
            for one, mine in zip(large, pictures, strict=True)
        ]
        found.setdefault(name, {})[network] = {
            **measure(style, squares, engine, asked.paintings),
            "total_float32": measure(style, squares, exact, asked.paintings)["total"],
            "apart_mean": round(float(np.mean([one.mean() for one in apart])), 3),
            "apart_largest": int(max(one.max() for one in apart)),
            "grid_peak": round(max(metrics.grid_peaks(floats(one)[0] for one in pictures).values()), 2),
            "steps": style.record["steps"],
        }
    if asked.sheets:
        for name, by_network in engines.items():
            for size in SHOWN:
                asked.sheets.mkdir(parents=True, exist_ok=True)
                show(asked.show, by_network, size).save(asked.sheets / f"{name}-{size}.jpg", quality=85)
    first = next(iter(next(iter(engines.values())).values()))
    facts = {
        "photos": len(photos),
        "size_px": asked.size,
        "engine": first.description,
        "grid_peak_of_the_photos": round(
            max(metrics.grid_peaks(floats(one[None])[0] for one in large).values()), 2
        ),
    }
    print(json.dumps({**facts, "paintings": found}, indent=2))


def square(photo: Path, size: int) -> NDArray[np.uint8]:
    """The middle of a photo, its shorter side reduced to ``size`` px: (size, size, 3)."""
    picture = images.load(photo)
    longer = round(size * max(picture.height, picture.width) / min(picture.height, picture.width))
    pixels = images.load(photo, size=longer).pixels
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + size, left : left + size]


def floats(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes (B, H, W, 3) as (B, 3, H, W) in [0, 1]."""
    return pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


def measure(style: Style, squares: NDArray[np.uint8], engine: Engine, folder: Path) -> dict[str, float]:
    """Mean losses of what an engine makes of ``squares``, (B, H, W, 3)."""
    weights = vgg_weights.load("original")
    loss = losses.build(recorded_loss(style.record), weights, strength=1, dtype=torch.float32)
    chosen = config.painting(style.record["name"], str(folder))
    painting = paintings.load(chosen, style.record["painting"]["size"])
    with torch.inference_mode():
        target = loss.style_target(torch.from_numpy(painting.rgb)[None])
        each = []
        for photo in squares:
            content = loss.content_target(torch.from_numpy(floats(photo[None])))
            each.append(loss(torch.from_numpy(floats(engine.stylise(photo[None]))), content, target).values())
    return {
        term: float(f"{np.mean([one[term] for one in each]):.5g}") for term in ("total", "content", "style")
    }


def show(photos: list[Path], engines: dict[str, Engine], size: int) -> Any:
    """A contact sheet: the photos, then a row for each network."""
    rows = [[images.load(photo, size=size).pixels for photo in photos]]
    rows += [[engine.stylise(photo[None])[0] for photo in rows[0]] for engine in engines.values()]
    captions = [["photo"] * len(photos), *([network] * len(photos) for network in engines)]
    floating = [[floats(picture[None])[0] for picture in row] for row in rows]
    return sheet(floating, captions=captions, height=size * 2 // 3)


if __name__ == "__main__":
    main()
