"""A whole comparison: every photo in every style and size, both ways, in a folder to go on with."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, product
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from fastnst import (
    compare_report,
    devices,
    engines,
    files,
    images,
    inputs,
    losses,
    paintings,
    samples,
    style_targets,
    vgg_weights,
)
from fastnst.compare_results import PICTURES, RESULTS, Pair, Results
from fastnst.comparison import (
    CROSSING,
    NEUTRAL,
    Judge,
    painting_of,
    run_network,
    run_optimiser,
    style_target,
    tensor,
)
from fastnst.environment import describe
from fastnst.errors import ConfigError, ImageError
from fastnst.gatys_run import noise
from fastnst.grain import USUAL
from fastnst.images import Photo
from fastnst.interrupts import Stopped, held, terminable
from fastnst.pixels import Bytes
from fastnst.progress import Progress, Report
from fastnst.run_settings import CompareSettings
from fastnst.settings import recorded_loss
from fastnst.style_file import Style, find, read
from fastnst.vgg import VGG19Features, choose_dtype
from fastnst.vgg_weights import VGGWeights

logger = logging.getLogger(__name__)

REPORT = "report.html"
MIN_SIDE = 32  # px: artefacts are looked for in two frames of 8 px
PACKAGES = ("torch", "openvino", "numpy", "pillow", "scikit-image")


@dataclass(frozen=True)
class Inputs:
    """What is compared, all of it looked at before the work begins."""

    photos: Mapping[str, Path]
    styles: Mapping[str, Style]
    paintings: Mapping[str, str | None]  # SHA-256 of each style's; None where the style file's targets count
    weights: VGGWeights
    device: torch.device
    dtype: torch.dtype

    def pairs(self, sizes: Iterable[int]) -> list[Pair]:
        """All of them, style by style."""
        return [Pair(photo, style, size) for style in self.styles for photo in self.photos for size in sizes]


@devices.enough_memory("try a smaller size, or optimizer=adam")
def run(settings: CompareSettings, *, report: Report | None = None) -> tuple[Path, dict[str, Any]]:
    """Compare, and write ``results.json``, pictures, traces and ``report.html`` into the folder ``out``.

    Pairs that an earlier run with the same settings has finished are not done again.

    Returns:
        The report's file, and what it says: ``Results.all()``.

    Raises:
        FastNSTError: a setting, a photo, a style or its painting cannot be used, or ``out`` holds something
            else.
        Stopped: by Ctrl-C or SIGTERM; what is finished stays.
    """
    out = files.typed_path(settings.out)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out={out} is a file; a comparison is a folder")
    files.check_writable(out / RESULTS)
    inputs = _inputs(settings)
    pairs = inputs.pairs(settings.size)
    results = Results(out, _about(settings, inputs), pairs)
    left = results.left()
    for folder in (out, *(out / pair.folder for pair in left)):
        files.remove_abandoned(folder)
    try:
        with terminable():
            _write(results)
            for number, (pair, judge) in enumerate(_judged(left, inputs, settings, out), 1):
                if number == 1:
                    _say_how_long(judge, left, len(pairs), settings)
                before = len(pairs) - len(left) + number - 1
                told = None if report is None else _Told(report, pair, before, len(pairs))
                found = _compared(pair, judge, inputs.styles[pair.style], settings, out, told)
                with held():
                    results.add(found)
                    _write(results)
    except KeyboardInterrupt as stop:
        done = f"{len(results.pairs)} of {len(pairs)} pairs are done"
        message = f"stopped; {done}, and the same command does the others"
        raise Stopped(getattr(stop, "status", 130) - 128, message) from stop
    return out / REPORT, results.all()


@dataclass(frozen=True)
class _Told:
    """Tells how far the whole comparison is, of what one optimisation reports."""

    report: Report
    pair: Pair
    before: int
    count: int

    def __call__(self, progress: Progress) -> None:
        total = progress.total or 0
        note = f"{self.pair.photo}, {self.pair.style}, {self.pair.size} px: {progress.note}"
        done = self.before * total + progress.done
        self.report(Progress("comparing", done, self.count * total, progress.unit, note))


def _write(results: Results) -> None:
    results.write()
    compare_report.write(results.folder / REPORT, results.all(), results.folder)


def _say_how_long(judge: Judge, left: Sequence[Pair], count: int, settings: CompareSettings) -> None:
    """Log what is to be done, and about how long it takes, judged by one evaluation of the loss."""
    picture = tensor(judge.photo).to(judge.device).requires_grad_()
    for _ in range(2):  # the first pays for what is set up
        start = perf_counter()
        judge.loss(picture, judge.content, judge.style).total.backward()
        seconds = perf_counter() - start
    pixels = sum((pair.size / left[0].size) ** 2 for pair in left)
    minutes = seconds * settings.steps * pixels / 60
    logger.info("%d of %d pairs to do: about %s", len(left), count, _duration(minutes))


def _duration(minutes: float) -> str:
    return f"{max(minutes, 1):.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _inputs(settings: CompareSettings) -> Inputs:
    """Find and check all that the settings name."""
    given = [samples.resolve(str(each)) for each in settings.content]
    named = _named(inputs.expand(given, leave_out=files.typed_path(settings.out) / PICTURES), "photo")
    style_files = _named((find(str(each)) for each in settings.style), "style")
    styles = {name: read(path) for name, path in style_files.items()}
    faults = [_fault(path, size) for path, size in product(named.values(), settings.size)]
    if any(faults):
        raise ImageError("; ".join(dict.fromkeys(filter(None, faults))))
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    device = devices.choose(settings.device)
    used: dict[str, str | None] = {}
    for name, style in styles.items():
        recorded_loss(style.record)
        style_targets.check_weights(style, weights)
        painting = painting_of(style, settings.paintings_dir)
        used[name] = None if painting is None else painting.sha256
        if painting is None:
            style_targets.stored(style, weights)
            logger.info(
                "%s: the picture that it was trained for is not in %s; its own targets are used",
                style.path,
                settings.paintings_dir,
            )
        engines.open_engine(style, device=str(device), precision="float32")
    return Inputs(named, styles, used, weights, device, choose_dtype(settings.vgg.precision, device.type))


def _fault(path: Path, size: int) -> str:
    """Why a photo cannot be used; nothing if it can."""
    try:
        notes = images.load(path, size=size, min_side=MIN_SIDE).notes
    except ImageError as err:
        return str(err)
    for note in notes:
        logger.warning("%s: %s", path, note)
    return ""


def _named(paths: Iterable[Path], otherwise: str) -> dict[str, Path]:
    """Files by names that are fit for folders and tell them apart; ``otherwise`` where none can be made."""
    named: dict[str, Path] = {}
    for path in paths:
        if path in named.values():
            continue
        stem = name = paintings.plain(path.stem, otherwise)
        number = 1
        while name in named:
            number += 1
            name = f"{stem}-{number}"
        named[name] = path
    return named


def _about(settings: CompareSettings, inputs: Inputs) -> dict[str, Any]:
    """What the results say of what was compared, with what and where."""
    described = describe(str(inputs.device), packages=PACKAGES)
    return {
        "settings": {key: value for key, value in asdict(settings).items() if key != "out"},
        "versions": described.pop("versions"),
        "environment": {**described, "device": str(inputs.device), "threads": torch.get_num_threads()},
        "grain": USUAL,
        "vgg": {"sha256": inputs.weights.sha256, "precision": str(inputs.dtype).removeprefix("torch.")},
        "photos": {name: {"sha256": files.sha256(path)} for name, path in inputs.photos.items()},
        "styles": {name: _described(style, inputs.paintings[name]) for name, style in inputs.styles.items()},
    }


def _described(style: Style, painting: str | None) -> dict[str, Any]:
    said = {key: style.record.get(key) for key in ("name", "title", "artist", "year", "network")}
    size = style.record.get("painting", {}).get("size")
    loss = asdict(recorded_loss(style.record))
    target = {"target": "style file" if painting is None else "painting", "painting_sha256": painting}
    return {**said, "sha256": files.sha256(style.path), "painting_size": size, **target, "loss": loss}


def _judged(
    pairs: Iterable[Pair], inputs: Inputs, settings: CompareSettings, out: Path
) -> Iterator[tuple[Pair, Judge]]:
    """Each pair with who measures it; photo and painting are in the folder then."""
    ruler = VGG19Features(inputs.weights, [NEUTRAL], dtype=inputs.dtype).to(inputs.device)
    for name, of_one_style in groupby(pairs, key=lambda pair: pair.style):
        style = inputs.styles[name]
        loss = losses.build(recorded_loss(style.record), inputs.weights, strength=1, dtype=inputs.dtype)
        loss.to(inputs.device)
        target, painting = style_target(
            style, loss, inputs.weights, folder=settings.paintings_dir, device=inputs.device
        )
        ours = list(of_one_style)
        if painting is not None:
            images.save(out / ours[0].painting, Photo(painting))
        for pair in ours:
            photo = images.load(inputs.photos[pair.photo], size=pair.size, min_side=MIN_SIDE).pixels
            judge = Judge(
                photo, loss=loss, style=target, painting=painting, ruler=ruler, device=inputs.device
            )
            yield pair, judge


def _compared(
    pair: Pair, judge: Judge, style: Style, settings: CompareSettings, out: Path, report: Report | None
) -> dict[str, Any]:
    """Both ways for one pair, measured; its pictures and its trace are written."""
    fast_picture, fast = run_network(judge.photo, style, device=str(judge.device))
    fast |= judge.scores(fast_picture)
    init = tensor(judge.photo)
    if settings.init == "noise":
        init = torch.from_numpy(noise(*judge.photo.shape[:2], seed=settings.seed))[None]
    done = run_optimiser(judge, settings, goal=fast["losses"]["total"], init=init, report=report)
    pictures: dict[str, Bytes] = {"photo": judge.photo, "fast": fast_picture, "gatys": done.picture}
    slow = {
        "evaluations": len(done.trace),
        "seconds": done.seconds(len(done.trace)),
        "peak_mb": done.peak_mb,
        "trouble": done.trouble,
        **judge.scores(done.picture),
    }
    crossing = None
    if done.crossing is not None and done.overtaken_at is not None:
        pictures[CROSSING] = done.crossing
        crossing = {"seconds": done.seconds(done.overtaken_at), **judge.scores(done.crossing)}
    for name, pixels in pictures.items():
        images.save(out / pair.folder / f"{name}.png", Photo(pixels))
    trace = f"{pair.folder}/trace.json"
    files.write_json(out / trace, done.trace)
    shown = {"painting": pair.painting} if judge.painting is not None else {}
    pass_seconds = fast["ms"] / 1000
    return {
        "photo": pair.photo,
        "style": pair.style,
        "size": pair.size,
        "title": style.record.get("title", pair.style),
        "width": judge.photo.shape[1],
        "height": judge.photo.shape[0],
        "pictures": {**shown, **{name: f"{pair.folder}/{name}.png" for name in pictures}},
        "trace": trace,
        "overtaken_at": done.overtaken_at,
        "speed_up": {
            "equal_budget": slow["seconds"] / pass_seconds,
            "equal_quality": None if crossing is None else crossing["seconds"] / pass_seconds,
        },
        "fast": fast,
        "gatys": slow,
        "crossing": crossing,
    }
