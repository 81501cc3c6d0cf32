"""What VGG-19 sees beyond a picture's edges, and the frame that pictures get from it.

    python benchmarks/edges.py --paintings FOLDER

Gatys' optimiser with the default settings, from the photo, on each style's own loss with each padding. Writes
benchmarks/edges.json and benchmarks/sheets/edges-STYLE.jpg, corners enlarged.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastnst import config, files, images, losses, memory, paintings, samples, style_file, vgg_weights
from fastnst.artefacts import artefacts
from fastnst.environment import describe
from fastnst.gatys import optimise
from fastnst.report import sheet
from fastnst.run_settings import GatysSettings
from fastnst.settings import recorded_loss
from fastnst.vgg import PADDINGS, choose_dtype

HERE = Path(__file__).parent
STYLES = ("la_grande_jatte", "starry_night")
PHOTOS = ("astronaut", "coffee")
CORNER = 96  # px


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("styles", nargs="*", default=STYLES)
    parser.add_argument("--paintings", required=True, type=Path, help="the folder of the paintings' pictures")
    parser.add_argument("--size", type=int, default=256, help="px, longer side of the photos")
    parser.add_argument("--evaluations", type=int, default=60)
    asked = parser.parse_args()
    memory.keep_freed()  # as the commands do
    weights, dtype = vgg_weights.load("original"), choose_dtype("auto", "cpu")
    how = config.typed(GatysSettings, config.load("gatys", ["painting=own"]))
    photos = [images.read(samples.photo(name), size=asked.size).rgb for name in PHOTOS]
    scores: dict[str, Any] = {}
    for name in asked.styles:
        record = style_file.read(style_file.find(name)).record
        rgb = paintings.load(config.painting(name, str(asked.paintings)), record["painting"]["size"]).rgb
        painting, rows = torch.from_numpy(rgb)[None], []
        for padding in PADDINGS:
            settings = replace(recorded_loss(record), padding=padding)
            loss = losses.build(settings, weights, strength=1, dtype=dtype)
            pictures = []
            for photo in photos:
                content = torch.from_numpy(np.ascontiguousarray(photo))[None]
                made = optimise(content, painting, loss, init=content, how=how, steps=asked.evaluations)
                pictures.append(made.picture[0].numpy())
            border = artefacts(photos, pictures, rgb)["border"]
            scores.setdefault(name, {})[padding] = float(f"{border:.3g}")
            rows.append([picture[:, :CORNER, :CORNER] for picture in pictures])
            print(name, padding, scores[name][padding], flush=True)
        captions = [[padding] * len(PHOTOS) for padding in PADDINGS]
        page = sheet(rows, captions=captions, height=4 * CORNER)
        images.write(HERE / "sheets" / f"edges-{name}.jpg", images.from_pil(page), quality=90)
    facts = {"size": asked.size, "evaluations": asked.evaluations, "photos": PHOTOS}
    known = {**facts, "border": scores, "environment": describe(packages=("torch",))}
    with files.atomic(HERE / "edges.json") as partial:
        partial.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
