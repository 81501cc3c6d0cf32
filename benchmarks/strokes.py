"""The usual strokes beside those of one pass: losses of pictures as they are shown, time, and a sheet.

    python benchmarks/strokes.py --photos FOLDER [losses strengths times sheet]

Writes benchmarks/strokes.json after each part, and benchmarks/sheets/strokes.jpg. Losses are each style's
own, by what its style file keeps of the painting, of pictures of large photos reduced to the size at which
strokes are as they are painted: what one sees of them on a screen; by strength they are with the usual
strokes. Times are of one photo at several sizes, in one style, in turns.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from fastnst import config, files, images, losses, memory, samples, style_file, vgg_weights
from fastnst.bench import interleaved, quartiles
from fastnst.big_pictures import paint
from fastnst.engines import Engine, open_engine
from fastnst.environment import describe
from fastnst.grain import USUAL
from fastnst.pixels import Bytes, unpacked
from fastnst.report import sheet
from fastnst.run_settings import GatysSettings
from fastnst.settings import recorded_loss
from fastnst.strokes import LEAST, SUITED, Scaled, usual
from fastnst.style_targets import stored
from fastnst.vgg import choose_dtype

HERE = Path(__file__).parent
OUT = HERE / "strokes.json"
TIMED = ((960, 640), (1200, 900), (1920, 1280), (4000, 3000))  # px
SHOWN = ("great_wave", "starry_night", "the_scream", "wheat_field_with_cypresses")
ROUNDS = 11
STRENGTHS = tuple(quarters / 4 for quarters in range(7))
SHOWN_SIZE, PART = 1800, 360  # px, longer side of the sheet's photo, and sides of what is seen px by px


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[], help="losses, strengths, times, sheet; default: all")
    parser.add_argument("--photos", required=True, type=Path, help="a folder; small ones are passed over")
    asked = parser.parse_args()
    memory.keep_freed()  # as the commands do
    paths = [path for path in sorted(asked.photos.iterdir()) if path.suffix.lower() in images.SUFFIXES]
    every = [images.load(path).pixels for path in paths]
    photos = [photo for photo in every if min(photo.shape[:2]) >= LEAST * SUITED]
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    parts = {"losses": compared, "strengths": strengthened, "times": timed}
    for name in asked.parts or (*parts, "sheet"):
        if name == "sheet":
            shown()
            continue
        made = parts[name](photos)
        found[name] = {"environment": describe(packages=("torch", "openvino")), **made}
        with files.atomic(OUT) as partial:
            partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def both(photo: Bytes, engine: Engine) -> dict[str, Bytes]:
    """What the network paints in one pass, and with the usual strokes."""
    strokes = {"one pass": 1.0, "usual": usual(*photo.shape[:2])}
    return {name: paint(photo, engine, stroke=stroke, grain=USUAL) for name, stroke in strokes.items()}


def reduced(picture: Bytes) -> Bytes:
    """As it is shown."""
    scaled = Scaled(picture, SUITED / min(picture.shape[:2]))
    return scaled.part((0, 0, scaled.height, scaled.width))


def compared(photos: list[Bytes]) -> dict[str, Any]:
    """Style and content of what is shown, by one pass and with the usual strokes."""

    def ways(style: style_file.Style) -> Callable[[Bytes], dict[str, Bytes]]:
        return partial(both, engine=open_engine(style, precision="float32"))

    return judged(photos, ways)


def strengthened(photos: list[Bytes]) -> dict[str, Any]:
    """Style and content of what is shown, with the usual strokes, by strength."""

    def ways(style: style_file.Style) -> Callable[[Bytes], dict[str, Bytes]]:
        engines = {each: open_engine(style, precision="float32", strength=each) for each in STRENGTHS}

        def pictures(photo: Bytes) -> dict[str, Bytes]:
            stroke = usual(*photo.shape[:2])
            return {f"{each:g}": paint(photo, engines[each], stroke=stroke, grain=USUAL) for each in engines}

        return pictures

    return judged(photos, ways)


def judged(
    photos: list[Bytes], ways: Callable[[style_file.Style], Callable[[Bytes], dict[str, Bytes]]]
) -> dict[str, Any]:
    """Style and content of what is shown, by style and way, means over photos.

    Args:
        photos: uint8 (H, W, 3) each.
        ways: of a style, what makes of a photo a picture in each way.
    """
    vgg = config.typed(GatysSettings, config.load("gatys", ["painting=own"])).vgg
    weights = vgg_weights.load(vgg.weights, convention=vgg.convention)
    dtype = choose_dtype("auto", "cpu")
    by_style: dict[str, Any] = {}
    for name, path in style_file.installed().items():
        style = style_file.read(path)
        paint_ways = ways(style)
        loss = losses.build(recorded_loss(style.record), weights, strength=1, dtype=dtype)
        target = stored(style, weights)
        seen: dict[str, list[dict[str, float]]] = {}
        for photo in photos:
            content = loss.content_target(tensor(reduced(photo)))
            for way, picture in paint_ways(photo).items():
                with torch.no_grad():
                    seen.setdefault(way, []).append(loss(tensor(reduced(picture)), content, target).values())
        by_style[name] = {
            way: {key: round(mean(one[key] for one in each), 4) for key in ("content", "style")}
            for way, each in seen.items()
        }
        print(name, by_style[name], flush=True)
    return {"photos": len(photos), "styles": by_style}


def timed(photos: list[Bytes]) -> dict[str, Any]:
    """Ms of both, by size, in turns."""
    engine = open_engine(style_file.read(style_file.find(SHOWN[0])))
    records = []
    for width, height in TIMED:
        photo = Scaled(photos[0], height / photos[0].shape[0]).part((0, 0, height, width))
        strokes = {"one pass": 1.0, "usual": usual(height, width)}
        calls = [partial(paint, photo, engine, stroke=each, grain=USUAL) for each in strokes.values()]
        interleaved(calls, runs=1)  # warm-up
        record: dict[str, Any] = {"px": f"{width}x{height}", "stroke": round(strokes["usual"], 2)}
        for name, times in zip(strokes, interleaved(calls, runs=ROUNDS), strict=True):
            ms, spread = quartiles([1000 * seconds for seconds in times])
            record[name] = {"ms": round(ms, 1), "iqr": round(spread, 1)}
        records.append(record)
        print(record, flush=True)
    facts = {"style": SHOWN[0], "threads": torch.get_num_threads(), "rounds": ROUNDS}
    return {"engine": engine.description, **facts, "records": records}


def shown() -> None:
    """Some styles on one enlarged photo: the whole, and a part px by px; one pass above, usual ones below."""
    photo = images.load(samples.photo("coffee"), size=SHOWN_SIZE).pixels
    top, left = photo.shape[0] // 3, photo.shape[1] // 2
    pairs = [both(photo, open_engine(style_file.read(style_file.find(name)))) for name in SHOWN]
    rows = []
    for way in ("one pass", "usual"):
        pictures = [unpacked(pair[way]) for pair in pairs]
        rows += [
            pictures,
            [picture[:, top : top + PART, left : left + PART * 3 // 2] for picture in pictures],
        ]
    captions = [[f"{name}, {way}" for name in SHOWN] for way in ("one pass", "1:1", "usual strokes", "1:1")]
    page = sheet(rows, captions=captions, height=PART)
    images.write(HERE / "sheets" / "strokes.jpg", images.from_pil(page), quality=85)


def tensor(photo: Bytes) -> Tensor:
    """As the loss takes it."""
    return torch.from_numpy(unpacked(photo))[None]


if __name__ == "__main__":
    main()
