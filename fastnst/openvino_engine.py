"""A style's network on a CPU in OpenVINO, from the style file alone. Imports no torch."""

import platform
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastnst import compiled
from fastnst.architectures import EPS, MIN_SIZE, Architecture, Box, Statistics
from fastnst.errors import ConfigError, ImageError
from fastnst.files import sha256
from fastnst.memory import budget, check_fits, too_large
from fastnst.quiet_openvino import core, openvino
from fastnst.style_file import Style

if TYPE_CHECKING:
    from fastnst.graphs import Mode

STATISTICS_MEMORY = 2.5  # times what painting takes: means and variances are computed in float32
KERNELS = 300
"""Kept for the last sizes of pictures: some 25 are made anew for a new size, which takes 4 ms and 0.7 MB;
OpenVINO's own limit of 5,000 lets a folder of pictures of many sizes take 300 MB more."""
HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
CPUINFO = Path("/proc/cpuinfo")
CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}  # as OpenVINO calls them


class OpenVINOEngine:
    """See ``fastnst.engines.Engine``.

    Args:
        style: the style to load.
        architecture: its network.
        precision: of the convolutions; "auto" is bfloat16 where that is faster, and else float32.
        threads: None for as many as the CPU has cores.
        workers: how many calls of ``stylise`` there will be at once, each with its share of the threads: on
            two cores, two such calls do 4 to 15 % more pictures a second than one call with both.

        strength: how much of the style.

    Raises:
        ConfigError: the CPU does not have the precision, or the style not the strength.
        StyleFileError: the weights cannot be read.
    """

    def __init__(
        self,
        style: Style,
        architecture: Architecture,
        *,
        precision: str = "auto",
        threads: int | None = None,
        workers: int = 1,
        strength: float = 1.0,
    ) -> None:
        self._style = style
        self._strength = strength
        self._architecture = architecture
        self._core = core()
        self._precision = self._chosen(precision)
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": HINTS[self._precision],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": workers,
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KERNELS,
        }
        if threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = threads
        self._lock = threading.Lock()
        self._networks: dict[str, _Network] = {}
        size = 4 if self._precision == "float32" else 2
        self._pixel_bytes = size * (2 * architecture.widest + 14)  # measured within 10 % on five networks
        self._network("own")
        self.description = f"openvino {self._precision} on cpu"
        self.min_size = MIN_SIZE
        self.stride = architecture.stride
        self.reach = architecture.reach
        self.strength = strength
        self.batch = 1
        self.workers = workers

    def stylise(
        self, pictures: NDArray[np.uint8], *, statistics: Statistics | None = None
    ) -> NDArray[np.uint8]:
        """See ``Engine``."""
        network = self._network("own" if statistics is None else "frozen")
        with self._checked(pictures):
            frozen = [_divided(seen) for seen in statistics or ()]
            painted: NDArray[np.uint8] = network.run([pictures, *frozen])[0]
        return painted

    def statistics(
        self, pictures: NDArray[np.uint8], *, given: Statistics | None = None, kept: Box | None = None
    ) -> Statistics:
        """See ``Engine``."""
        if given is None:
            if kept is not None:
                raise ValueError("what counts of a picture can be kept only where statistics are given")
            network = self._network("recorded")
            inputs: list[NDArray[Any]] = [pictures]
        else:
            network = self._network("measured")
            box = np.array(kept or (0, 0, *pictures.shape[1:3])).reshape(2, 2)
            inputs = [pictures, -(-box // self.stride), *map(_divided, given)]
        with self._checked(pictures, STATISTICS_MEMORY):
            seen = network.run(inputs)[1:]
        return tuple(np.stack([mean + rest, variance]) for mean, rest, variance in seen)

    def memory(self, height: int, width: int, *, measuring: bool = False) -> int:
        """See ``Engine``."""
        return round(self._pixel_bytes * height * width * (STATISTICS_MEMORY if measuring else 1))

    def budget(self) -> int:
        """See ``Engine``."""
        return budget()

    def _chosen(self, precision: str) -> str:
        capabilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        here = [name for name, capability in CAPABILITIES.items() if capability in capabilities]
        if precision == "auto":
            return "bfloat16" if "bfloat16" in here and _bfloat16_pays(self._core) else "float32"
        if precision not in here:
            raise ConfigError(
                f"openvino on this CPU has no precision {precision!r}; it has {', '.join(here)}"
            )
        return precision

    def _network(self, mode: "Mode") -> "_Network":
        """The network compiled for a mode of ``graphs.model``: now, in an earlier call or an earlier run."""
        with self._lock:
            if mode not in self._networks:
                self._networks[mode] = _Network(self._compiled(mode))
            return self._networks[mode]

    def _compiled(self, mode: "Mode") -> Any:
        cpu = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        name = compiled.key(
            sha256(self._style.path),
            [sha256(Path(__file__).with_name(file)) for file in ("graphs.py", "phases.py")],
            self._architecture,
            openvino.get_version(),
            (platform.machine(), cpu),
            sorted(self._settings.items()),
            mode,
            self._strength,
        )
        if (blob := compiled.read(name)) is not None:
            try:
                return self._core.import_model(blob, "CPU", self._settings)
            except RuntimeError:  # of another build: compile anew
                pass
        from fastnst import graphs

        model = graphs.model(self._architecture, self._style.weights(self._strength), mode)
        blob = graphs.compile_model(model, self._settings)
        compiled.write(name, blob)
        return self._core.import_model(blob, "CPU", self._settings)

    @contextmanager
    def _checked(self, pictures: NDArray[np.uint8], memory: float = 1) -> Iterator[None]:
        height, width = pictures.shape[1:3]
        if min(height, width) < MIN_SIZE:
            raise ImageError(f"picture is {width}x{height} px; at least {MIN_SIZE} px a side are needed")
        check_fits(pictures.shape, memory * self._pixel_bytes)
        try:
            yield
        except (RuntimeError, MemoryError) as err:
            if "memory" not in str(err).lower() and not isinstance(err, MemoryError):
                raise
            raise ImageError(too_large(height, width)) from err


_first_call = threading.Lock()
_ready = threading.Event()


class _Network:
    """A compiled model and its requests, one for each call that runs at the same time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._idle: deque[Any] = deque()

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        # Alone the first time: OpenVINO's bindings set themselves up then, and two threads that meet there
        # wait for each other for ever, one for Python's lock and one for the set-up (seen with 2026.4).
        if not _ready.is_set():
            with _first_call:
                results = self._run(inputs)
                _ready.set()
                return results
        return self._run(inputs)

    def _run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        # Copied: OpenVINO 2026.4 writes into memory that it is lent, where that begins at a multiple of 64.
        for index, values in enumerate(inputs):
            tensor = request.get_input_tensor(index)
            tensor.shape = values.shape
            tensor.data[...] = values
        outputs = list(request.infer({}, share_outputs=False, decode_strings=False).values())
        self._idle.append(request)
        return outputs


def _bfloat16_pays(core: "openvino.Core") -> bool:
    """Whether a CPU that has bfloat16 is faster in it: Intel's only by AMX, see ``vgg.bfloat16_pays``."""
    if not core.get_property("CPU", "FULL_DEVICE_NAME").startswith("Intel"):
        return True
    try:
        with CPUINFO.open(encoding="utf-8") as lines:
            return "amx_bf16" in next((line for line in lines if line.startswith("flags")), "")
    except OSError:  # not Linux: nobody says
        return True


def _divided(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means and variances, ``(2, C)``, as ``graphs.model`` takes them, ``(3, C)``."""
    mean, variance = seen
    high = (mean.view(np.uint32) & 0xFFFF0000).view(np.float32)  # the bits that bfloat16 has
    return np.stack([high, mean - high, 1 / np.sqrt(variance + np.float32(EPS))])
