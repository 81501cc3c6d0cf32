"""Checkpoints to resume from: there whole or not at all, and compared with the run that goes on."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from fastnst.architectures import in_full
from fastnst.calibrated import Calibration
from fastnst.errors import ConfigError, FastNSTError
from fastnst.files import atomic, typed_path
from fastnst.run_settings import BaseSettings, RunSettings, TrainSettings
from fastnst.settings import CROPS, flat

NAME = "last.ckpt"


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside ``path``, then rename."""
        with atomic(path) as partial:
            try:
                torch.save(checkpoint, partial)
            except RuntimeError as err:  # what PyTorch makes of a full disk
                raise FastNSTError(f"cannot write {path}: is the disk full?") from err


def find(resume: str) -> Path:
    """The checkpoint that ``resume=`` names, itself or by its run folder.

    Raises:
        ConfigError: there is none.
    """
    path = typed_path(resume)
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"resume={resume}: there is no checkpoint {path}")
    try:
        state = torch.load(path, map_location="meta", weights_only=True)
        state["identity"], state["calibration"]
    except Exception as err:  # a damaged or foreign file raises a dozen kinds
        raise ConfigError(f"resume={resume}: {path} is not a checkpoint that fastnst wrote") from err
    return path


def found(path: Path, kind: str) -> dict[str, Any]:
    """What the run had found out about its paintings: ``Calibration.record()``, by painting for a base.

    Args:
        path: of the checkpoint.
        kind: ``style`` or ``base``.

    Raises:
        ConfigError: it is a checkpoint of the other kind.
    """
    state = torch.load(path, map_location="meta", weights_only=True)
    if state["identity"].get("kind") != kind:
        raise ConfigError(f"resume: {path} is not a checkpoint of a {kind}'s training")
    record: dict[str, Any] = state["calibration"]
    return record


def start(path: Path) -> dict[str, Any] | None:
    """What a training began with, as its record will have it; None in an older checkpoint."""
    state = torch.load(path, map_location="meta", weights_only=True)
    begun: dict[str, Any] | None = state["identity"].get("start")
    return begun


def identity(settings: TrainSettings, *, painting: str) -> dict[str, Any]:
    """What must be the same for a run to go on as if it had never stopped, beside the photos.

    Args:
        settings: of the run.
        painting: its SHA-256.
    """
    return {
        "kind": "style",
        "painting": painting,
        "painting.size": settings.painting.size,
        "painting.strength": settings.painting.strength,
        "init": settings.init,
        **_shared(settings),
    }


def base_identity(settings: BaseSettings, paintings: Mapping[str, Calibration]) -> dict[str, Any]:
    """``identity`` of a base.

    Args:
        settings: of the run.
        paintings: what was found out about each.
    """
    seen = {name: [each.picture.sha256, each.painting.strength] for name, each in paintings.items()}
    return {
        "kind": "base",
        "paintings": seen,
        "order": list(seen),
        "init": settings.init,
        **_shared(settings),
    }


def _shared(settings: RunSettings) -> dict[str, Any]:
    devices_and_more = ("devices", "num_nodes", "accumulate_grad_batches", "precision")
    return {
        "network": asdict(settings.network),
        "loss": asdict(settings.loss),
        "calibration": asdict(settings.calibration),
        "vgg": asdict(settings.vgg),
        "optim": asdict(settings.optim),
        "seed": settings.seed,
        **{f"data.{name}": getattr(settings.data, name) for name in CROPS},
        **{f"trainer.{name}": settings.trainer.get(name) for name in devices_and_more},
    }


def _in_full(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity with what was so before there was a choice, where it does not say."""
    loss, network = {"padding": "zeros", **identity["loss"]}, in_full(identity["network"])
    optim = {"droplet_weight": 0.0, "edge_weight": 0.0, **identity["optim"]}
    order = {"order": list(identity["paintings"])} if "paintings" in identity else {}
    before = {"data.grain": 0.0, "data.margin": 0, "init": "scratch"}
    return {**before, **order, **identity, "loss": loss, "network": network, "optim": optim}


def check_same(path: Path, expected: dict[str, Any], steps: int) -> None:
    """Compare a checkpoint with the run that is to go on from it.

    Raises:
        ConfigError: they differ, or the run would end before the checkpoint.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    before = checkpoint["identity"]
    before, expected = _in_full(before), _in_full(expected)
    was = dict(flat({name: before[name] for name in expected if name in before}))
    now = dict(flat(expected))
    if other := [name for name in was | now if was.get(name) != now.get(name)]:
        made, has = (" ".join(f"{name}={each.get(name)}" for name in other) for each in (was, now))
        raise ConfigError(
            f"resume: {path} was made with {made}, and this run has {has}; "
            "to start a new run from a finished style, use init=FILE"
        )
    if checkpoint["global_step"] > steps:
        raise ConfigError(
            f"resume: {path} is at step {checkpoint['global_step']}, trainer.max_steps is {steps}"
        )
