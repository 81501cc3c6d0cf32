"""What runs a style's network: bytes in, bytes out, whatever computes in between."""

import logging
import shutil
import sys
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastnst import architectures
from fastnst.architectures import Architecture, Box
from fastnst.architectures import Statistics as Statistics
from fastnst.errors import ConfigError, StyleFileError
from fastnst.style_file import STRONGER, TARGET, WEAKER, Style

logger = logging.getLogger(__name__)

ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""Linux has one of them where PyTorch may find a GPU: NVIDIA's, AMD's, or that of the Windows around WSL."""


class Engine(Protocol):
    """A network ready to run."""

    description: str  # such as "openvino bfloat16 on cpu"
    min_size: int  # px: the shortest side it takes
    stride: int  # px: the sides of a tile should divide by it, and tiles begin at its multiples
    reach: int  # px that a px of the photo reaches in the picture: tiles overlap by at least this
    batch: int  # pictures of one size that are worth doing at once
    strength: float  # how much of the style
    workers: int  # calls of stylise() that are worth making at once, from threads

    def stylise(
        self, pictures: NDArray[np.uint8], *, statistics: Statistics | None = None
    ) -> NDArray[np.uint8]:
        """Repaint a batch; several threads may.

        Args:
            pictures: ``(B, H, W, 3)``, RGB.
            statistics: what the network normalises with in place of each picture's own.

        Returns:
            ``(B, H, W, 3)``, RGB.

        Raises:
            ImageError: the pictures are too small, or too large for the memory.
        """

    def statistics(
        self, pictures: NDArray[np.uint8], *, given: Statistics | None = None, kept: Box | None = None
    ) -> Statistics:
        """What the instance normalisations see in one pass, pooled over the batch.

        Args:
            pictures: ``(B, H, W, 3)``, RGB.
            given: what the network normalises with in place of each picture's own.
            kept: top, left, bottom and right of the part that counts, px, where not all does: multiples of
                the stride, or at the picture's end.

        Raises:
            ImageError: the pictures are too small, or too large for the memory.
        """

    def memory(self, height: int, width: int, *, measuring: bool = False) -> int:
        """About how many bytes ``stylise`` of one picture, or ``statistics``, takes at its peak."""

    def budget(self) -> int:
        """Bytes that pictures at work may take where nobody says."""


def open_engine(
    style: Style,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    workers: int = 1,
    strength: float = 1.0,
) -> Engine:
    """The engine for a style on this machine.

    Args:
        style: the style to load.
        engine: "openvino", for CPUs; "torch"; "auto" for the fastest one here.
        device: see ``fastnst.devices.choose``.
        precision: "float32", "bfloat16", "float16", or "auto" for the fastest that the device has natively.
        threads: of the CPU; None leaves it to the engine.
        workers: how many calls of ``stylise`` there will be at once; they share the CPU's threads.
        strength: how much of the style, 0 to ``style_file.STRONGEST``.

    Raises:
        ConfigError: there is no such engine, device or precision here, or no such strength in the style.
        StyleFileError: the weights are not those of the network that the record names.
    """
    for kind, value, known in (("engine", engine, ENGINES), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ConfigError(f"there is no {kind} {value!r}; there are {', '.join(known)}")
    architecture = _architecture(style)
    if engine == "auto":
        engine = _fastest(device)
    if engine == "torch":
        from fastnst.torch_engine import TorchEngine

        return TorchEngine(
            style, architecture, device=device, precision=precision, threads=threads, strength=strength
        )
    if device not in ("auto", "cpu"):
        raise ConfigError(f"the openvino engine computes on the CPU, not on {device!r}; the torch engine may")
    try:
        from fastnst.openvino_engine import OpenVINOEngine
    except ImportError as err:
        raise ConfigError(f"OpenVINO cannot be loaded ({err}): pip install openvino, or use torch") from err
    return OpenVINOEngine(
        style, architecture, precision=precision, threads=threads, workers=workers, strength=strength
    )


def _fastest(device: str) -> str:
    """The engine for a device; torch takes seconds to import and is asked only where there may be a GPU."""
    if device not in ("auto", "cpu"):
        return "torch"
    if device == "auto" and _may_have_gpu():
        from fastnst import devices

        if devices.choose("auto").type == "cuda":
            return "torch"
    try:
        import fastnst.openvino_engine  # noqa: F401
    except ImportError as err:
        logger.warning("OpenVINO cannot be loaded (%s): PyTorch is used, which is several times slower", err)
        return "torch"
    return "openvino"


def _may_have_gpu() -> bool:
    if sys.platform == "win32":
        return shutil.which("nvidia-smi") is not None
    return any(Path(file).exists() for file in GPU_FILES)


def _architecture(style: Style) -> Architecture:
    """The network that the record names, sure to be that of the weights.

    Raises:
        StyleFileError: it is not.
    """
    wanted = style.record["network"]
    try:
        architecture = architectures.architecture(wanted["name"], wanted["arguments"])
    except ConfigError as err:
        raise StyleFileError(f"{style.path}: {err}; a newer fastnst may know it") from err
    shapes = architectures.shapes(architecture)
    ends = [end + name for end in (WEAKER, STRONGER) for name in shapes if end + name in style.shapes]
    shapes |= {name: shapes[name.partition("/")[2]] for name in ends}
    found = {name: shape for name, shape in style.shapes.items() if not name.startswith(TARGET)}
    if wrong := sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name)):
        name = wrong[0]
        raise StyleFileError(
            f"{style.path} is damaged: {name!r} is {found.get(name, 'missing')} in the file and "
            f"{shapes.get(name, 'missing')} in the {wanted['name']} network ({len(wrong)} such weights)"
        )
    return architecture
