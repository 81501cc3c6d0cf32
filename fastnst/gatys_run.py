"""A run of the per-picture optimiser, from settings to a picture, its trace and its plot."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from fastnst import (
    calibration,
    colours,
    devices,
    files,
    images,
    losses,
    mixtures,
    paintings,
    samples,
    style_file,
    vgg_weights,
)
from fastnst.big_pictures import paint
from fastnst.coarse_to_fine import coarse_to_fine
from fastnst.engines import open_engine
from fastnst.errors import ConfigError, TrainingError
from fastnst.gatys import ADVICE, GatysResult
from fastnst.grain import USUAL
from fastnst.interrupts import postponed
from fastnst.mixtures import Part
from fastnst.paintings import Painting
from fastnst.pixels import Floats, packed, unpacked
from fastnst.progress import Report
from fastnst.report import trace_plot
from fastnst.run_settings import GatysSettings
from fastnst.style_record import versions
from fastnst.tiled_loss import affordable_history, fitting
from fastnst.vgg import choose_dtype

logger = logging.getLogger(__name__)

NETWORK = "style:"  # before the name of a style whose picture is where to start
MIN_SIDE = 16  # px, of the photo: VGG-19's fifth block has halved it four times


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Args:
        picture, trace, plot: files.
        result: the numbers.
        signal: that stopped it; None if none did.
    """

    picture: Path
    trace: Path
    plot: Path
    result: GatysResult
    signal: int | None


@devices.enough_memory("try a smaller size or painting.size, or optimizer=adam")
def run(settings: GatysSettings, *, report: Report | None = None) -> Outcome:
    """Read, optimise and write: ``out``, its .trace.json and .trace.png, and snapshots in its .snapshots/.

    Ctrl-C and SIGTERM end it after the evaluation in hand, and what was best so far is written.

    Raises:
        FastNSTError: a setting, a picture or the weights cannot be used, ``out`` cannot be written, or the
            loss became infinite or NaN (the best picture before that is written).
    """
    if not settings.content:
        raise ConfigError(
            "no photo was given; for example: "
            "fastnst gatys content=photo.jpg painting=starry_night out=picture.png"
        )
    begun = monotonic()
    out = files.typed_path(settings.out)
    photo_file = samples.resolve(settings.content)
    given = settings.masks or {}
    mixture = mixtures.chosen(settings.painting, settings.paintings or {}, given)
    inputs = {
        "photo": [photo_file],
        "painting": [file for painting, _ in mixture.values() if (file := paintings.find(painting))],
        "mask": [samples.resolve(file) for file in given.values()],
    }
    photo = images.read(photo_file, size=settings.size, min_side=MIN_SIDE)
    for note in photo.notes:
        logger.warning("%s: %s", photo_file, note)
    read = {file: mixtures.read_mask(file, photo.height, photo.width) for file in given.values()}
    masks = {name: read[given[name]] for name in mixture if name in given}
    _check_output(out, settings, inputs)

    device = devices.choose(settings.device)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    # bfloat16 does not stall L-BFGS: 200 evaluations ended 4 % above float32's, each at 0.6 of the time
    dtype = choose_dtype(settings.vgg.precision, device.type)
    leader = max(mixture, key=lambda name: mixture[name][1])  # of most weight: its loss counts
    size_alone = replace(settings.loss, balance=False, style_weight=1.0)
    found = {
        name: calibration.calibrate(
            settings.calibration,
            painting,
            settings.loss if name == leader else size_alone,
            weights,
            dtype=dtype,
            device=device,
            report=report,
        )
        for name, (painting, _) in mixture.items()
    }
    for reason in [reason for each in found.values() for reason in each.reasons]:
        logger.info("%s", reason)
    loss = losses.build(
        found[leader].loss,
        weights,
        strength=settings.painting.strength,
        dtype=dtype,
        normalise_gradients=settings.normalise_gradients,
    ).to(device)
    pixels, how = photo.height * photo.width, settings
    if settings.optimizer == "lbfgs":
        how = replace(settings, history=affordable_history(settings.history, pixels, device))

    rgb = colours.lightness(photo.rgb) if settings.colours == "photo" else photo.rgb
    painted = {name: _coloured(each.picture, settings, photo.rgb) for name, each in found.items()}
    parts = [
        Part(_tensor(painted[name], device), weight, masks.get(name)) for name, (_, weight) in mixture.items()
    ]

    def finished(picture: Tensor) -> images.Picture:
        """A picture of any size, in the colours and with the alpha that it is to have."""
        found, rgb, alpha = picture[0].detach().cpu().numpy(), photo.rgb, photo.alpha
        height, width = found.shape[1:]
        if (height, width) != (photo.height, photo.width):
            rgb = images.resize(rgb, height, width)
            alpha = None if alpha is None else images.resize(alpha[None], height, width)[0]
        if settings.colours == "photo":
            found = colours.in_colours_of(rgb, found)
        return images.Picture(found, alpha)

    def on_snapshot(number: int, picture: Tensor) -> None:
        images.write(_snapshot(out, number), finished(picture))

    begin = _initial(settings, rgb, next(iter(painted.values())))
    for earlier in _snapshots(out) if settings.snapshot_every else ():
        earlier.unlink()
    with postponed("evaluation") as caught:
        result = coarse_to_fine(
            _tensor(rgb, device),
            mixtures.targets(parts, loss, photo.height),
            fitting(loss, pixels, tile=settings.tile),
            init=_tensor(begin, device),
            how=how,
            levels=settings.levels,
            steps=settings.steps,
            seconds=None if settings.seconds is None else settings.seconds - (monotonic() - begun),
            snapshot_every=settings.snapshot_every,
            on_snapshot=on_snapshot,
            report=report,
            should_stop=lambda: bool(caught),
        )
    images.write(out, finished(result.picture))
    if result.stopped_early and not caught and not result.trouble:
        logger.info(
            "seconds=%g ended it after %d of %d steps", settings.seconds, result.evaluations, settings.steps
        )
    record = {
        "settings": asdict(replace(settings, painting=found[leader].painting, loss=found[leader].loss)),
        "paintings": [
            {"name": each.name, "title": each.title, "sha256": each.sha256, "size": each.size}
            for each in (one.picture for one in found.values())
        ],
        "width": photo.width,
        "height": photo.height,
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "vgg_sha256": weights.sha256,
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "evaluations": result.evaluations,
        "seconds": round(result.seconds, 3),
        "stopped_early": result.stopped_early,
        "trouble": result.trouble,
        "best": result.best,
        "trace": result.trace,
    }
    outcome = Outcome(
        out,
        out.with_name(f"{out.stem}.trace.json"),
        out.with_name(f"{out.stem}.trace.png"),
        result,
        caught[0] if caught else None,
    )
    files.write_json(outcome.trace, record)
    trace_plot(
        {settings.optimizer: result.at_full_size},
        outcome.plot,
        title=f"{out.name}: {', '.join(each.picture.title for each in found.values())}, {settings.optimizer}",
    )
    if result.trouble:
        raise TrainingError(f"{result.trouble}; {out} is the best before it. {ADVICE}")
    return outcome


def _snapshot(out: Path, number: int) -> Path:
    """The file of one evaluation's picture."""
    return out.with_name(f"{out.stem}.snapshots") / f"{number:06}.png"


def _snapshots(out: Path) -> list[Path]:
    """Those of an earlier run."""
    return list(_snapshot(out, 0).parent.glob("[0-9]" * 6 + ".png"))


def _check_output(out: Path, settings: GatysSettings, inputs: Mapping[str, Sequence[Path]]) -> None:
    """Raise, before the work, if the picture cannot be written in the end, or would overwrite another."""
    if out.suffix.lower() not in images.WRITERS:
        raise ConfigError(
            f"out={out} does not end as a picture that fastnst writes: {' '.join(images.WRITERS)}"
        )
    for what, paths in inputs.items():
        if os.path.realpath(out) in map(os.path.realpath, paths):
            raise ConfigError(f"out={out} would overwrite the {what}")
    files.check_writable(out)
    start = _start_file(settings)
    if settings.snapshot_every is not None:
        files.check_writable(_snapshot(out, 0))
        replaced = {os.path.realpath(path) for path in _snapshots(out)}
        for path in (start, *chain.from_iterable(inputs.values())):
            if path and os.path.realpath(path) in replaced:
                raise ConfigError(f"{path} would be deleted: new snapshots replace those of {out}; out=OTHER")


def _coloured(painting: Painting, settings: GatysSettings, photo: Floats) -> Floats:
    """The painting at its size and in its colours, (3, h, w)."""
    if settings.style_scale != 1:
        size = round(painting.size * settings.style_scale)
        painting = paintings.resized(painting, max(size, MIN_SIDE))
    if settings.colours == "match":
        return colours.matched(painting.rgb, photo)
    return colours.lightness(painting.rgb, photo) if settings.colours == "photo" else painting.rgb


def _start_file(settings: GatysSettings) -> Path | None:
    """The picture to start from, where it is one's own."""
    if settings.init in ("content", "noise", "style") or settings.init.startswith(NETWORK):
        return None
    path = samples.resolve(settings.init)
    if not path.is_file():
        raise ConfigError(
            f"init={settings.init} is neither content, noise, style nor style:NAME, nor a picture's file"
        )
    return path


def _initial(settings: GatysSettings, photo: Floats, painting: Floats) -> Floats:
    """The picture to start from, (3, H, W) as the photo."""
    if start := _start_file(settings):
        return _cover(images.read(start).rgb, *photo.shape[1:])
    if settings.init == "content":
        return photo
    if settings.init == "noise":
        return noise(*photo.shape[1:], seed=settings.seed)
    if settings.init == "style":
        return _cover(painting, *photo.shape[1:])
    engine = open_engine(style_file.read(style_file.find(settings.init.removeprefix(NETWORK))))
    return unpacked(paint(packed(photo), engine, grain=USUAL, memory=engine.budget()))


def noise(height: int, width: int, *, seed: int) -> Floats:
    """A picture to start from, (3, H, W), that shows nothing."""
    rng = torch.Generator().manual_seed(seed)
    # Mild: of noise over the whole range, 200 evaluations of L-BFGS left a speckle in the picture.
    rgb: Floats = (0.5 + 0.1 * torch.randn(3, height, width, generator=rng)).clamp(0, 1).numpy()
    return rgb


def _cover(rgb: Floats, height: int, width: int) -> Floats:
    """(3, height, width): scaled to cover that size, aspect kept, and cropped around the middle."""
    scale = max(height / rgb.shape[1], width / rgb.shape[2])
    rows, columns = (max(a, round(b * scale)) for a, b in zip((height, width), rgb.shape[1:], strict=True))
    top, left = (rows - height) // 2, (columns - width) // 2
    return images.resize(rgb, rows, columns)[:, top : top + height, left : left + width]


def _tensor(rgb: Floats, device: torch.device) -> Tensor:
    """(3, H, W) to (1, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(rgb))[None].to(device)
