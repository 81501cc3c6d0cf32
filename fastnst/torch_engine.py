"""A style's network in PyTorch: on NVIDIA's and Apple's GPUs, and on a CPU for comparison."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastnst import devices, networks
from fastnst.architectures import MIN_SIZE, Architecture, Box, Statistics
from fastnst.errors import ConfigError, ImageError
from fastnst.memory import budget, check_fits, too_large
from fastnst.networks import StyleNetwork
from fastnst.style_file import Style

PRECISIONS = {  # by the kind of device, the first one for "auto"
    "cpu": ("float32", "bfloat16"),
    "cuda": ("float16", "bfloat16", "float32"),
    "mps": ("float32", "float16"),
}
BATCH = 4  # on a GPU, which a small picture keeps busy for less time than its start takes; not measured yet


class TorchEngine:
    """See ``fastnst.engines.Engine``. Several threads may call, one after another computes.

    Args:
        style: the style to load.
        architecture: its network.
        device: see ``fastnst.devices.choose``.
        precision: of the convolutions; statistics and weights stay float32.
        threads: of the CPU, for the whole process; None leaves them as they are.

        strength: how much of the style.

    Raises:
        ConfigError: there is no such device here, it does not have the precision, or the style not the
            strength.
        StyleFileError: the weights cannot be read.
    """

    def __init__(
        self,
        style: Style,
        architecture: Architecture,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        strength: float = 1.0,
    ) -> None:
        self._device = devices.choose(device)
        known = PRECISIONS[self._device.type]
        if precision not in ("auto", *known):
            raise ConfigError(
                f"torch on {self._device} has no precision {precision!r}; it has {', '.join(known)}"
            )
        self._precision = known[0] if precision == "auto" else precision
        if threads is not None:
            torch.set_num_threads(threads)
        network = _network(style, architecture, strength)
        self._network: StyleNetwork = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lock = threading.Lock()  # frozen statistics are a state of the network
        self._pixel_bytes = _pixel_bytes(self._network, self._device)
        self.description = f"torch {self._precision} on {self._device}"
        self.min_size = MIN_SIZE
        self.stride = architecture.stride
        self.reach = architecture.reach
        self.strength = strength
        self.batch = BATCH if self._device.type == "cuda" else 1
        self.workers = 1

    def stylise(
        self, pictures: NDArray[np.uint8], *, statistics: Statistics | None = None
    ) -> NDArray[np.uint8]:
        """See ``Engine``."""
        with self._computing(pictures), self._frozen(statistics):
            result = self._network(self._batch(pictures)).float().clamp(0, 1)
            painted = (result * 255).round_().to(torch.uint8).permute(0, 2, 3, 1)  # (B, H, W, 3)
            done: NDArray[np.uint8] = painted.contiguous().cpu().numpy()
        return done

    def statistics(
        self, pictures: NDArray[np.uint8], *, given: Statistics | None = None, kept: Box | None = None
    ) -> Statistics:
        """See ``Engine``."""
        with self._computing(pictures), self._frozen(given):
            record = self._network.statistics(self._batch(pictures), kept)
            return tuple(
                torch.cat([seen.mean, seen.variance]).flatten(1).float().cpu().numpy() for seen in record
            )

    def memory(self, height: int, width: int, *, measuring: bool = False) -> int:
        """See ``Engine``."""
        return self._pixel_bytes * height * width  # measured a layer at a time: no more than painting

    def budget(self) -> int:
        """See ``Engine``."""
        if self._device.type == "cuda":
            return torch.cuda.mem_get_info(self._device)[0] * 3 // 4
        return budget()

    def _batch(self, pictures: NDArray[np.uint8]) -> Tensor:
        """``(B, H, W, 3)`` to ``(B, 3, H, W)`` in [0, 1], its order in memory as it was: channels_last."""
        pictures = np.ascontiguousarray(pictures)
        if not pictures.flags.writeable:  # of which torch warns
            pictures = pictures.copy()
        return torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).float() / 255

    @contextmanager
    def _computing(self, pictures: NDArray[np.uint8]) -> Iterator[None]:
        height, width = pictures.shape[1:3]
        if self._device.type == "cpu":  # an accelerator says so itself
            check_fits(pictures.shape, self._pixel_bytes)
        try:
            with self._lock, torch.inference_mode(), self._autocast():
                yield
        except (torch.OutOfMemoryError, RuntimeError, MemoryError) as err:
            if "memory" not in str(err).lower() and not isinstance(err, MemoryError):
                raise
            raise ImageError(too_large(height, width)) from err

    def _autocast(self) -> AbstractContextManager[None]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, getattr(torch, self._precision))

    def _frozen(self, statistics: Statistics | None) -> AbstractContextManager[None]:
        if statistics is None:
            return nullcontext()
        known = [torch.from_numpy(seen).to(self._device)[:, None, :, None, None] for seen in statistics]
        return self._network.frozen([networks.Statistics(*seen) for seen in known])  # (1, C, 1, 1) each


def _network(style: Style, architecture: Architecture, strength: float) -> StyleNetwork:
    """The style's network with its weights at a strength, on the CPU, for inference."""
    with torch.random.fork_rng():  # fresh weights are drawn, and thrown away
        network = StyleNetwork(architecture)
    state = {name: torch.from_numpy(values) for name, values in style.weights(strength).items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False).eval()


def _pixel_bytes(network: StyleNetwork, device: torch.device) -> int:
    """About how many bytes of memory a px takes on its way through the network.

    Four times the largest activation: 3.6 to 4.4 were measured on Johnson networks of width 4 to 32 on a CPU.
    """
    side = 64
    sizes: list[int] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: sizes.append(output.numel()))
        for module in network.modules()
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side, device=device))
    for hook in hooks:
        hook.remove()
    return 4 * 4 * max(sizes) // side**2
