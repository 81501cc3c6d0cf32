"""Measures every shipped style: losses beside Gatys' optimiser, artefacts, droplets, strengths.

    python benchmarks/styles.py --paintings FOLDER --held-out FOLDER [PART ...]

Writes benchmarks/styles.json after each style, and goes on from there. Losses are each style's own, of photos
that were not trained on: the network's, and how many evaluations L-BFGS needs from the photo to fall below it
(it ends there, or after 100). Frames: the losses of the same pictures, and of what is left of them without
their outer px, for a network can hide at edges what it owes to the style. Artefacts are
``fastnst.artefacts``, at three sizes, with the usual strokes, of all photos at the first and of half of them
at the others. Droplets are ``fastnst.defects.kurtosis``, of the same squares as the losses. Strengths: style
distance and content distance of one photo's pictures, at each strength, and how far strength 0 is from it.
Networks see the grain that they were trained with, and none where droplets are measured.
"""

import argparse
import json
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastnst import config, files, images, losses, memory, networks, paintings, style_file, vgg_weights
from fastnst.artefacts import artefacts
from fastnst.big_pictures import paint
from fastnst.defects import watched
from fastnst.engines import open_engine
from fastnst.environment import describe
from fastnst.files import sha256
from fastnst.gatys import optimise
from fastnst.losses import PerceptualLoss
from fastnst.pixels import unpacked
from fastnst.settings import OptimiserSettings, recorded_loss
from fastnst.strokes import usual
from fastnst.style_file import Style
from fastnst.vgg import choose_dtype

OUT = Path(__file__).with_name("styles.json")
EVALUATIONS = 100  # of L-BFGS: the field's figure for what a network is worth is 50 to 100
SIZES = (512, 1024, 2048)  # px, longer side, at which artefacts are looked for
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
FRAME = 32  # px, at each side
HOW = {"losses": 1, "frames": 1, "artefacts": 3, "droplets": 1, "strengths": 1}  # raised where one changes


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[], help=f"{', '.join(HOW)}; default: all")
    parser.add_argument("--paintings", required=True, type=Path, help="the folder of the paintings' pictures")
    parser.add_argument("--held-out", required=True, type=Path, help="a folder of photos")
    parser.add_argument("--photos", type=int, default=32, help="how many of them")
    parser.add_argument(
        "--size", type=int, default=256, help="px, of the squares that losses are measured on"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON file")
    asked = parser.parse_args()
    memory.keep_freed()  # as the commands do
    paths = [path for path in sorted(asked.held_out.iterdir()) if path.suffix.lower() in images.SUFFIXES]
    photos = [paths[i * len(paths) // asked.photos] for i in range(min(asked.photos, len(paths)))]
    found: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.is_file() else {}
    parts = {
        "losses": beside_gatys,
        "frames": without_frames,
        "artefacts": looked_over,
        "droplets": droplets,
        "strengths": by_strength,
    }
    for name, path in style_file.installed().items():
        style = style_file.read(path)
        own = found.setdefault(name, {})
        for part in asked.parts or parts:
            of = (sha256(path)[:16], asked.photos, asked.size, asked.held_out.name, HOW[part])
            key = " ".join(map(str, of))  # this very file, measured so
            if own.get(part, {}).get("of") != key:
                measured = parts[part](style, photos, asked)
                own[part] = {"of": key, **measured, "environment": describe(packages=("torch", "openvino"))}
                with files.atomic(asked.out) as partial:
                    partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                print(name, part, own[part], flush=True)


def beside_gatys(style: Style, photos: list[Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Held-out losses, and the evaluation at which L-BFGS gets below them."""
    engine = open_engine(style, precision="float32")
    loss, painting = its_loss(style, asked.paintings)
    target = loss.style_target(painting)
    totals, crossings = [], []
    for path in photos:
        photo = square(path, asked.size)
        content = tensor(photo)
        with torch.no_grad():
            picture = tensor(paint(photo, engine, grain=grain(style)))
            reached = loss(picture, loss.content_target(content), target).total.item()
        totals.append(reached)
        crossings.append(crossing(content, target, loss, reached))
    there = [number for number in crossings if number is not None]
    return {
        "photos": len(photos),
        "size_px": asked.size,
        "total": round(mean(totals), 4),
        "evaluations_median": median([number or EVALUATIONS + 1 for number in crossings]),
        "evaluations_least": min(there, default=EVALUATIONS + 1),
        "not_reached_in_100": len(crossings) - len(there),
    }


@torch.no_grad()
def without_frames(style: Style, photos: list[Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Held-out losses of whole pictures, and without their outer ``FRAME`` px."""
    engine = open_engine(style, precision="float32")
    loss, painting = its_loss(style, asked.paintings)
    target = loss.style_target(painting)
    found: dict[str, list[dict[str, float]]] = {"whole": [], "without": []}
    for path in photos:
        photo = square(path, asked.size)
        picture = paint(photo, engine, grain=grain(style))
        for part, inner in (("whole", slice(None)), ("without", slice(FRAME, -FRAME))):
            content = loss.content_target(tensor(photo[inner, inner]))
            found[part].append(loss(tensor(picture[inner, inner]), content, target).values())
    return {
        "margin": style.record["training"].get("margin", 0),
        **{
            part: {term: round(mean(one[term] for one in each), 4) for term in ("content", "style")}
            for part, each in found.items()
        },
    }


def crossing(
    content: torch.Tensor, style: dict[str, torch.Tensor], loss: PerceptualLoss, wanted: float
) -> int | None:
    """The evaluation at which L-BFGS, from the photo, is below a loss for the first time; None after 100."""
    seen: list[float] = []
    hook = loss.register_forward_hook(lambda module, inputs, terms: seen.append(terms.total.item()))
    try:
        optimise(
            content,
            style,
            loss,
            init=content,
            how=OptimiserSettings("lbfgs", 1.0, [0.9, 0.99], history=EVALUATIONS, precondition=False),
            steps=EVALUATIONS,
            should_stop=lambda: seen[-1] < wanted,
        )
    finally:
        hook.remove()
    return len(seen) if min(seen) < wanted else None


def looked_over(style: Style, photos: list[Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Artefacts' scores by size."""
    engine = open_engine(style)
    painting = config.painting(style.record["name"], str(asked.paintings))
    rgb = paintings.load(painting, style.record["painting"]["size"]).rgb
    found = {}
    for size in SIZES:
        chosen = photos if size == SIZES[0] else photos[::2]
        before = [images.load(path, size=size).pixels for path in chosen]
        after = [paint(photo, engine, stroke=usual(*photo.shape[:2]), grain=grain(style)) for photo in before]
        scores = artefacts([*map(unpacked, before)], [*map(unpacked, after)], rgb)
        found[str(size)] = {name: round(score, 4) for name, score in scores.items()}
    return found


@torch.no_grad()
def droplets(style: Style, photos: list[Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Kurtosis of what the network normalises: the mean, and the highest of one photo."""
    network = networks.build(**style.record["network"])
    network.load_state_dict({name: torch.from_numpy(values) for name, values in style.weights().items()})
    found = []
    for path in photos:
        with watched(network) as kurtoses:
            network(tensor(square(path, asked.size)))
        found.append(torch.stack(kurtoses).mean().item())
    return {"mean": round(mean(found), 2), "highest": round(max(found), 2)}


def by_strength(style: Style, photos: list[Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Style and content of one photo's pictures at each strength."""
    loss, painting = its_loss(style, asked.paintings)
    target = loss.style_target(painting)
    photo = square(photos[0], 2 * asked.size)
    found: dict[str, Any] = {"strengths": STRENGTHS, "style": [], "content": []}
    for strength in STRENGTHS:
        picture = paint(photo, open_engine(style, strength=strength), grain=grain(style))
        with torch.no_grad():
            terms = loss(tensor(picture), loss.content_target(tensor(photo)), target).values()
        found["style"].append(round(terms["style"], 4))
        found["content"].append(round(terms["content"], 4))
        if strength == 0:
            found["largest_difference_at_0"] = int(np.abs(picture.astype(int) - photo).max())
    return found


def grain(style: Style) -> float:
    """What a network was trained with: none before there was a choice."""
    return float(style.record["training"].get("grain", 0))


def its_loss(style: Style, folder: Path) -> tuple[PerceptualLoss, torch.Tensor]:
    """The loss that a style was trained for, and its painting, (1, 3, h, w)."""
    weights, dtype = vgg_weights.load("original"), choose_dtype("auto", "cpu")
    loss = losses.build(recorded_loss(style.record), weights, strength=1, dtype=dtype)
    painting = config.painting(style.record["name"], str(folder))
    rgb = paintings.load(painting, style.record["painting"]["size"]).rgb
    return loss, torch.from_numpy(rgb)[None]


def square(photo: Path, size: int) -> NDArray[np.uint8]:
    """The middle of a photo, its shorter side reduced to ``size`` px: (size, size, 3)."""
    picture = images.load(photo)
    longer = -(-size * max(picture.height, picture.width) // min(picture.height, picture.width))
    pixels = images.load(photo, size=longer).pixels
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + size, left : left + size]


def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Bytes (H, W, 3) as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(unpacked(pixels))[None]


if __name__ == "__main__":
    main()
