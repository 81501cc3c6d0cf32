"""Shared by tests of the command line: the smallest style there is, photos of noise, a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import fastnst
from fastnst import networks, style_file
from fastnst.settings import OptimSettings

NETWORK = {"name": "johnson", "arguments": {"width": 4, "blocks": 1}}
RECORD: dict[str, Any] = {
    "name": "tiny",
    "title": "Noise",
    "artist": "Nobody",
    "year": 2024,
    "network": NETWORK,
    "loss": {"style_layers": {"relu1_1": 0.25}},
    "steps": 3,
    "held_out": {"total": 1.5},
    "thumbnail": "aGVsbG8=",
}
PLAIN = OptimSettings(
    optimizer="adam",
    lr=1e-2,
    lr_final=1e-4,
    warmup=4,
    grid_weight=0.0,
    droplet_weight=0.0,
    edge_weight=0.0,
)
"""Adam on the loss and nothing else."""


def network() -> networks.StyleNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return networks.build("johnson", NETWORK["arguments"]).eval()


def weights() -> dict[str, Any]:
    return {name: values.detach().numpy() for name, values in network().state_dict().items()}


def write(folder: Path, file: str = "tiny.safetensors", **changes: Any) -> Path:
    """A style file in ``folder``, its record changed where a test asks for it."""
    path = folder / file
    style_file.write(path, weights(), {**RECORD, **changes})
    return path


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8).squeeze()


def save(path: str, pixels: np.ndarray, mode: str | None = None, **options: object) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def run(*arguments: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "fastnst", *arguments]
    env = {**os.environ, "PYTHONPATH": str(Path(fastnst.__file__).parents[1])}
    return subprocess.Popen(command, env=env, text=True, stderr=subprocess.PIPE, **options)
