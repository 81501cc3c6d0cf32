"""What grain costs in loss, and what smooth parts look like with it.

    python benchmarks/grain.py --held-out FOLDER

Each style's own loss, by what its style file keeps of the painting, of held-out photos with more and more
grain.
Writes benchmarks/grain.json and benchmarks/sheets/grain.jpg: one photo without and with grain.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fastnst import config, files, images, inputs, losses, samples, style_file, style_targets, vgg_weights
from fastnst.engines import Engine, open_engine
from fastnst.environment import describe
from fastnst.grain import grained
from fastnst.pixels import Bytes, unpacked
from fastnst.report import sheet
from fastnst.run_settings import GatysSettings
from fastnst.settings import recorded_loss
from fastnst.style_file import Style

HERE = Path(__file__).parent
GRAINS = (0, 2, 4, 8, 12)  # levels of 255
SHOWN = ("composition_vii", "mondrian_composition_1916", "starry_night", "water_lilies", "the_kiss")
SHOWN_GRAIN = 8


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("styles", nargs="*", default=sorted(style_file.installed()))
    parser.add_argument("--held-out", required=True, type=Path, help="a folder of photos")
    parser.add_argument("--photos", type=int, default=12, help="how many of them, the first by name")
    parser.add_argument("--size", type=int, default=256, help="px, longer side")
    asked = parser.parse_args()
    paths = inputs.expand([asked.held_out])[: asked.photos]
    photos = [images.load(path, size=asked.size).pixels for path in paths]
    found = {}
    for name in asked.styles:
        style = style_file.read(style_file.find(name))
        found[name] = {
            str(grain): means for grain, means in zip(GRAINS, measured(style, photos), strict=True)
        }
        print(name, {grain: means["total"] for grain, means in found[name].items()}, flush=True)
    with files.atomic(HERE / "grain.json") as partial:
        about = {"environment": describe(packages=("torch",)), "photos": len(photos), "size": asked.size}
        partial.write_text(json.dumps({**about, "losses": found}, indent=1) + "\n", encoding="utf-8")
    shown()


def measured(style: Style, photos: list[Bytes]) -> list[dict[str, float]]:
    """Mean losses of a style's pictures of photos, for each of ``GRAINS``."""
    vgg = config.typed(GatysSettings, config.load("gatys", ["painting=own"])).vgg
    weights = vgg_weights.load(vgg.weights, convention=vgg.convention)
    loss = losses.build(recorded_loss(style.record), weights, strength=1, dtype=torch.float32)
    target = style_targets.stored(style, weights)
    engine = open_engine(style, device="cpu", precision="float32")
    each: list[list[tuple[float, ...]]] = [[] for _ in GRAINS]
    for photo in photos:
        with torch.no_grad():
            content = loss.content_target(tensor(photo))
            for grain, rows in zip(GRAINS, each, strict=True):
                terms = loss(tensor(painted(engine, photo, grain)), content, target)
                rows.append(tuple(term.item() for term in (terms.total, terms.content, terms.style)))
    return [
        dict(zip(("total", "content", "style"), np.mean(rows, axis=0).round(4).tolist(), strict=True))
        for rows in each
    ]


def shown() -> None:
    """Write the sheet: each style without grain, and with it below."""
    photo = images.load(samples.photo("rocket"), size=640).pixels
    engines = [open_engine(style_file.read(style_file.find(name))) for name in SHOWN]
    rows = [[unpacked(painted(engine, photo, grain)) for engine in engines] for grain in (0, SHOWN_GRAIN)]
    sheet(rows, height=320).save(HERE / "sheets" / "grain.jpg", quality=88)


def painted(engine: Engine, photo: Bytes, grain: float) -> Bytes:
    """What the network makes of a photo with grain, (H, W, 3)."""
    picture: Bytes = engine.stylise(grained(photo, grain)[None])[0]
    return picture


def tensor(picture: Bytes) -> Tensor:
    """(H, W, 3) as a batch of one."""
    return torch.from_numpy(np.ascontiguousarray(unpacked(picture)))[None]


if __name__ == "__main__":
    main()
