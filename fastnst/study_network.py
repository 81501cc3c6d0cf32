"""The trained network that a study compares with: found or trained, and measured by the optimiser's loss."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from fastnst import (
    config,
    devices,
    engines,
    images,
    losses,
    paintings,
    samples,
    style_file,
    style_targets,
    vgg_weights,
)
from fastnst.errors import ConfigError
from fastnst.findings import Measured
from fastnst.interrupts import Stopped
from fastnst.pixels import unpacked
from fastnst.progress import Report
from fastnst.repaint import repaint
from fastnst.run_settings import GatysSettings, TrainSettings
from fastnst.settings import recorded_loss
from fastnst.study import Cell, StudySettings, layers
from fastnst.style_file import Style
from fastnst.vgg import choose_dtype

RUNS = 7  # of the network, whose median counts


@dataclass(frozen=True)
class Network:
    """A style, and the settings that give ``fastnst gatys`` its loss."""

    style: Style
    overrides: tuple[str, ...]


def training(study: StudySettings, cell: Cell, out: Path) -> TrainSettings:
    """The settings with which ``fastnst train`` makes a network for the painting of a cell."""
    kept = [
        each
        for each in cell.overrides
        if each.startswith(("painting", "vgg.")) and not each.startswith("painting.size=")
    ]
    own = [f"painting.size={cell.settings.painting.size}", f"out={config.item(out)}"]
    return config.typed(TrainSettings, config.load("train", [*study.training, *kept, *own]))


def train(settings: TrainSettings, run_dir: Path, *, report: Report | None) -> Path:
    """Train a network; the path of its style file.

    Raises:
        FastNSTError: as from ``fastnst.training_run``.
        Stopped: by Ctrl-C or SIGTERM.
    """
    from fastnst import training_run  # Lightning and its kin take seconds to import

    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        return training_run.train(settings, run_dir, report=report)
    except Stopped as err:
        raise Stopped(
            err.status - 128, "stopped in training; the same command trains the network anew"
        ) from err


def network(path: Path, painting: GatysSettings) -> Network:
    """The style in a file, and its loss as settings.

    Args:
        path: of the style.
        painting: names the painting that it must have been trained for.

    Raises:
        StyleFileError: the file is none.
        ConfigError: it was trained for another painting, or does not say for which, or by which loss, or by
            other weights of VGG-19.
        ImageError: the painting's file is missing.
    """
    style = style_file.read(path)
    learnt = style.record.get("painting", {})
    if "size" not in learnt or "sha256" not in learnt:
        raise ConfigError(f"{path} does not say for which painting it was trained")
    shown = paintings.load(painting.painting, learnt["size"])
    if shown.sha256 != learnt["sha256"]:
        raise ConfigError(
            f"{path.name} was trained for {style.record.get('title')}, and the painting here is "
            f"{shown.title}: give painting=NAME painting.dir=FOLDER or painting.image=FILE"
        )
    ruler = vgg_weights.load(painting.vgg.weights, convention=painting.vgg.convention)
    style_targets.check_weights(style, ruler)
    loss = recorded_loss(style.record)
    weights = ("content_weight", "style_weight", "tv_weight", "coarse_weight")
    settings = (*weights, "coarse_factor", "pooling", "padding")
    return Network(
        style,
        (
            "loss=empty",
            *layers(loss.content_layers, "content"),
            *layers(loss.style_layers, "style"),
            *(f"loss.{name}={getattr(loss, name)}" for name in settings),
            f"painting.size={learnt['size']}",
            "painting.strength=1",
        ),
    )


def measure(found: Network, cells: Sequence[Cell]) -> list[Measured]:
    """What the network makes of the photo of each cell, by the cell's loss, and how long one pass takes."""
    settings = cells[0].settings
    device = devices.choose(settings.device)
    engine = engines.open_engine(found.style, device=str(device), threads=torch.get_num_threads())
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    dtype = choose_dtype(settings.vgg.precision, device.type)
    loss = losses.build(settings.loss, weights, strength=1, dtype=dtype).to(device)
    painting = paintings.load(settings.painting, settings.painting.size).rgb
    style = loss.style_target(torch.from_numpy(painting)[None].to(device))
    measured = []
    for cell in cells:
        file = samples.resolve(str(cell.settings.content))
        photo = images.load(file, size=cell.settings.size)
        made = repaint(photo, engine, stroke=1)
        images.save(_out(cell), made)
        times = []
        for _ in range(RUNS):
            start = perf_counter()
            repaint(photo, engine, stroke=1)
            times.append(perf_counter() - start)
        rgb = images.read(file, size=cell.settings.size).rgb
        picture = unpacked(made.pixels)
        with torch.no_grad():
            content = loss.content_target(torch.from_numpy(rgb)[None].to(device))
            terms = loss(torch.from_numpy(picture)[None].to(device), content, style).values()
        measured.append(Measured(cell.label, picture, rgb, painting, terms, [], median(times)))
    return measured


def record(found: Network, cell: Cell, measured: Measured) -> dict[str, object]:
    """What study.json says of one of the network's pictures."""
    out = _out(cell)
    size = str(cell.settings.size)
    words = ["fastnst", "stylise", str(cell.settings.content), "--style", str(found.style.path)]
    one_pass = ["--size", size, "--stroke", "1"]
    return {
        "label": f"the network, {cell.label}",
        "file": out.name,
        "command": shlex.join([*words, *one_pass, "-o", str(out)]),
        "losses": dict(measured.best),
        "evaluations": 0,
        "seconds": round(measured.seconds, 6),
    }


def _out(cell: Cell) -> Path:
    out = Path(cell.settings.out)
    return out.with_name(f"{out.stem}-network.png")
