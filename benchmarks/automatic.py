"""Fixed weights beside automatic ones, for every shipped style's painting, by Gatys' optimiser.

    python benchmarks/automatic.py --paintings FOLDER

Writes benchmarks/automatic.json and benchmarks/sheets/automatic-PAINTING.jpg. Fixed: one style weight, one
balance of the layers and one painting size for all, those that fastnst had before it looked. Automatic: what
each style's file says was found. Both with as many evaluations from the same photos; distances are raw, those
of the layers that both count, so they can be compared.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastnst import config, files, images, losses, paintings, samples, style_file, vgg_weights
from fastnst.environment import describe
from fastnst.gatys import optimise
from fastnst.report import sheet
from fastnst.settings import OptimiserSettings, recorded_loss
from fastnst.vgg import choose_dtype

HERE = Path(__file__).parent
PHOTOS = ("astronaut", "coffee")
FIXED = {"relu1_1": 0.2, "relu2_1": 0.2, "relu3_1": 0.2, "relu4_1": 0.2, "relu5_1": 0.05}
FIXED_WEIGHT, FIXED_SIZE = 10.0, 512


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paintings", required=True, type=Path, help="the folder of the paintings' pictures")
    parser.add_argument("--size", type=int, default=256, help="px, longer side of the photos")
    parser.add_argument("--evaluations", type=int, default=60)
    asked = parser.parse_args()
    weights, dtype = vgg_weights.load("original"), choose_dtype("auto", "cpu")
    photos = [images.read(samples.photo(name), size=asked.size).rgb for name in PHOTOS]
    found: dict[str, Any] = {}
    for name, path in style_file.installed().items():
        style = style_file.read(path)
        automatic = recorded_loss(style.record)
        fixed = replace(automatic, style_layers=FIXED, style_weight=FIXED_WEIGHT, coarse_weight=0.0)
        chosen = config.painting(name, str(asked.paintings))
        ways = {"fixed": (fixed, FIXED_SIZE), "automatic": (automatic, style.record["painting"]["size"])}
        rows = [photos]
        found[name] = {}
        for way, (settings, size) in ways.items():
            loss = losses.build(settings, weights, strength=1, dtype=dtype)
            painting = torch.from_numpy(paintings.load(chosen, size).rgb)[None]
            pictures, best = [], []
            for photo in photos:
                content = torch.from_numpy(np.ascontiguousarray(photo))[None]
                result = optimise(
                    content,
                    painting,
                    loss,
                    init=content,
                    how=OptimiserSettings("adam", 0.02, [0.9, 0.99], history=1, precondition=False),
                    steps=asked.evaluations,
                )
                pictures.append(result.picture[0].numpy())
                best.append(result.best)
            rows.append(pictures)
            raw = [key for key in best[0] if key.startswith("raw/") and not key.endswith("_coarse")]
            found[name][way] = {key: float(f"{np.mean([one[key] for one in best]):.4g}") for key in raw}
            found[name][way]["size_px"] = size
        captions = [[row] * len(photos) for row in ("photo", "fixed", "automatic")]
        page = sheet(rows, captions=captions, height=asked.size)
        images.write(HERE / "sheets" / f"automatic-{name}.jpg", images.from_pil(page), quality=85)
        about = {"environment": describe(packages=("torch",)), "paintings": found}
        with files.atomic(HERE / "automatic.json") as partial:
            partial.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        print(name, found[name], flush=True)


if __name__ == "__main__":
    main()
