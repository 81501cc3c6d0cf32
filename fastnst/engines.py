"""What runs a style's network: numpy pictures in, numpy pictures out, whatever computes in between."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fastnst.errors import ConfigError, ImageError, StyleFileError
from fastnst.style_file import Style

if TYPE_CHECKING:
    import torch

ENGINES = ("auto", "torch")


class Engine(Protocol):
    """A network ready to run."""

    min_size: int  # px: the shortest side it takes
    description: str  # such as "torch on cpu"

    def stylise(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Repaint a batch.

        Args:
            pictures: ``(B, 3, H, W)``, RGB in [0, 1].

        Returns:
            ``(B, 3, H, W)``, RGB in [0, 1].

        Raises:
            ImageError: the pictures are too small, or too large for the memory.
        """


class TorchEngine:
    """A style's network in PyTorch, on any device that PyTorch has.

    Args:
        style: the style to load.
        device: see ``fastnst.devices.choose``.

    Raises:
        ConfigError: there is no such device here.
        StyleFileError: the weights are not those of the network that the record names.
    """

    def __init__(self, style: Style, device: str = "auto") -> None:
        import torch

        from fastnst import devices

        self._device = devices.choose(device)
        self._network = _network(style).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.min_size = int(self._network.min_size)
        self._pixel_bytes = _pixel_bytes(self._network, self._device) if self._device.type == "cpu" else 0
        self.description = f"torch on {self._device}"

    def stylise(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Engine``."""
        import torch

        batch_size, _, height, width = pictures.shape
        # A system out of memory kills without a word where an accelerator raises an error.
        if self._pixel_bytes and (free := free_memory()) is not None:
            pixels = free // self._pixel_bytes
            if batch_size * height * width > pixels:
                raise ImageError(too_large(height, width, pixels // batch_size))
        try:
            with torch.inference_mode():
                batch = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device)  # (B, 3, H, W)
                result = self._network(batch.contiguous(memory_format=torch.channels_last)).clamp(0, 1)
                done: NDArray[np.float32] = result.float().contiguous().cpu().numpy()
        except (torch.OutOfMemoryError, RuntimeError, MemoryError) as err:
            if "memory" not in str(err).lower() and not isinstance(err, MemoryError):
                raise
            raise ImageError(too_large(height, width)) from err
        return done


def too_large(height: int, width: int, pixels: int | None = None) -> str:
    """What to say of a picture that needs more memory than there is, with a size for which there is enough.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        pixels: how many there is memory for, when that is known.
    """
    share = (pixels / (height * width)) ** 0.5 if pixels is not None else 0.5
    size = max(16, int(max(height, width) * share) // 16 * 16)
    return f"not enough memory for {width}x{height} px; try --size {size}"


def free_memory() -> int | None:
    """Bytes of memory that this process may still take, where the system (Linux) tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    try:  # a container's own limit
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        free.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass
    return min(free, default=None)


def open_engine(style: Style, *, engine: str = "auto", device: str = "auto") -> Engine:
    """The engine for a style on this machine.

    Args:
        style: the style to load.
        engine: "torch", or "auto" for the fastest one here.
        device: see ``fastnst.devices.choose``.

    Raises:
        ConfigError: there is no such engine or device here.
        StyleFileError: the weights are not those of the network that the record names.
    """
    if engine not in ENGINES:
        raise ConfigError(f"there is no engine {engine!r}; there are {', '.join(ENGINES)}")
    return TorchEngine(style, device)


def _network(style: Style) -> "torch.nn.Module":
    """The style's network with its weights, on the CPU, for inference.

    Raises:
        StyleFileError: they do not belong together.
    """
    import torch

    from fastnst.networks import build

    wanted = style.record["network"]
    try:
        with torch.device("meta"):  # shapes alone: a file asks for no more memory than its size
            network = build(wanted["name"], wanted["arguments"])
    except ConfigError as err:
        raise StyleFileError(f"{style.path}: {err}; a newer fastnst may know it") from err
    shapes = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    if wrong := sorted(
        name for name in shapes.keys() | style.shapes.keys() if shapes.get(name) != style.shapes.get(name)
    ):
        name = wrong[0]
        raise StyleFileError(
            f"{style.path} is damaged: {name!r} is {style.shapes.get(name, 'missing')} in the file and "
            f"{shapes.get(name, 'missing')} in the {wanted['name']} network ({len(wrong)} such weights)"
        )
    state = {name: torch.from_numpy(values) for name, values in style.weights().items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False).eval()


def _pixel_bytes(network: "torch.nn.Module", device: "torch.device") -> int:
    """About how many bytes of memory a pixel takes on its way through the network.

    Four times the largest activation: 3.6 to 4.4 were measured on Johnson networks of width 4 to 32 on a CPU.
    """
    import torch

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
