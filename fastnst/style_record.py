"""What a style file says of how it was made."""

import base64
import io
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import torch

from fastnst import __version__, images, samples
from fastnst.grain import grained
from fastnst.networks import StyleNetwork
from fastnst.paintings import Painting
from fastnst.pixels import unpacked
from fastnst.run_settings import TrainSettings
from fastnst.settings import CROPS

THUMBNAIL_SIZE = 160  # px


def style_record(
    settings: TrainSettings,
    *,
    start: Mapping[str, Any],
    painting: Painting,
    vgg_sha256: str,
    photos: dict[str, Any],
    steps: int,
    strength_steps: int,
    precision: str,
    held_out: Mapping[str, float],
    network: StyleNetwork,
    calibration: Mapping[str, Any],
    artefacts: Mapping[str, float],
) -> dict[str, Any]:
    """The record of ``fastnst.style_file``, with nothing of the user's folders in it.

    Args:
        settings: of the run.
        start: ``warm_start.beginning(settings)``, from before the training.
        painting: what was learnt.
        vgg_sha256: of the file of VGG-19's weights.
        photos: ``Photos.record()``.
        steps: done.
        strength_steps: done for strengths other than 1.
        precision: Lightning's name of it.
        held_out: mean losses on photos that were not trained on.
        network: as trained, on the CPU.
        calibration: what was found out about the painting, and why: ``Calibration.record()``.
        artefacts: scores of ``fastnst.artefacts``.
    """
    weights = settings.vgg.weights
    return {
        "name": painting.name,
        "title": painting.title,
        "artist": painting.artist,
        "year": painting.year,
        "network": asdict(settings.network),
        "painting": {
            "sha256": painting.sha256,
            "size": settings.painting.size,
            "source": settings.painting.source,
            "rights": settings.painting.rights,
        },
        "loss": {**asdict(settings.loss), "strength": settings.painting.strength},
        "calibration": {key: calibration[key] for key in ("reasons", "trials")},
        "training": {
            **asdict(settings.optim),
            **{name: getattr(settings.data, name) for name in CROPS},
            "devices": settings.trainer.get("devices", 1),
            "accumulate_grad_batches": settings.trainer.get("accumulate_grad_batches", 1),
            "precision": precision,
            "strength_steps": strength_steps,
            "seed": settings.seed,
            **start,
            "vgg": weights if weights in ("original", "torchvision") else "a file",
            "vgg_sha256": vgg_sha256,
        },
        "steps": steps,
        "data": photos,
        "versions": versions(),
        "held_out": {name: float(f"{value:.6g}") for name, value in held_out.items()},
        "artefacts": {name: float(f"{value:.3g}") for name, value in artefacts.items()},
        "thumbnail": thumbnail(network, settings.data.grain),
        "licence": "MIT",
        "created": datetime.now(timezone.utc).date().isoformat(),
    }


def versions() -> dict[str, str]:
    """Versions of what shapes the numbers, of Python too."""
    packages = ("torch", "pytorch-lightning", "datasets", "pillow")
    named = {package: version(package) for package in packages}
    return {"fastnst": __version__, "python": platform.python_version(), **named}


def thumbnail(network: StyleNetwork, grain: float) -> str:
    """A photo from scikit-image as the network paints it, with grain: base64 of a small JPEG."""
    pixels = images.load(samples.photo(samples.SHOWN), size=2 * THUMBNAIL_SIZE).pixels
    photo = unpacked(grained(pixels, grain))
    with torch.no_grad():
        picture = network(torch.from_numpy(photo)[None])[0].numpy()
    small = images.to_pil(images.resize(picture, THUMBNAIL_SIZE, THUMBNAIL_SIZE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode()
