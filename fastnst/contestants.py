"""What a benchmark measures: networks in engines, and beside them what people run today."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastnst import architectures, config, style_file
from fastnst.engines import ENGINES, PRECISIONS, open_engine
from fastnst.errors import ConfigError
from fastnst.settings import NetworkSettings
from fastnst.style_file import Style

EAGER = "eager torch"
BASELINE = {"name": "johnson", "arguments": {"width": 32, "blocks": 5}}
"""The network of Johnson et al. (2016) at the paper's width: what every other one is compared with."""


@dataclass(frozen=True)
class Contestant:
    """One network in one engine.

    Args:
        style: the file of its weights.
        network: its name in conf/network, or its record's name and arguments.
        engine: of ``engines.ENGINES``, or ``EAGER``.
        precision: of ``engines.PRECISIONS``, never "auto".
        device: see ``fastnst.devices.choose``.
        threads: of the CPU.
        random: whether its weights were drawn, not trained.
    """

    style: str
    network: str
    engine: str
    precision: str
    device: str
    threads: int
    random: bool = False


class Runner(Protocol):
    """As much of an engine as is measured."""

    batch: int  # pictures of one size that are worth doing at once

    def stylise(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``(B, H, W, 3)`` to the same."""


class Eager:
    """A network as the usual example code runs it: float32, contiguous, op by op, without gradients.

    From bytes to bytes, as engines work, with the conversions done on the device.
    """

    def __init__(self, contestant: Contestant) -> None:
        import torch

        from fastnst.networks import build

        torch.set_num_threads(contestant.threads)
        style = style_file.read(contestant.style)
        network = build(style.record["network"]["name"], style.record["network"]["arguments"])
        network.load_state_dict({name: torch.from_numpy(values) for name, values in style.weights().items()})
        self._network = network.to(contestant.device).eval()
        self._device = contestant.device
        self.batch = 1

    def stylise(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``(B, H, W, 3)`` to the same."""
        import torch

        with torch.no_grad():
            batch = torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).contiguous()
            result = self._network(batch.float() / 255)  # (B, 3, H, W)
            painted = (result.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
            done: NDArray[np.uint8] = painted.contiguous().cpu().numpy()
        return done


def opened(contestant: Contestant) -> Runner:
    """A contestant, ready to run.

    Raises:
        ConfigError: its engine, precision or device is not here.
        StyleFileError: the style cannot be read.
    """
    if contestant.engine == EAGER:
        return Eager(contestant)
    return open_engine(
        style_file.read(contestant.style),
        engine=contestant.engine,
        device=contestant.device,
        precision=contestant.precision,
        threads=contestant.threads,
    )


@contextmanager
def gathered(
    *,
    styles: Sequence[str] = (),
    networks: Sequence[str] = (),
    engines: Sequence[str] = (),
    precisions: Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
) -> Iterator[dict[Contestant, Runner]]:
    """Every network in every engine and precision that is here, opened; the baseline comes first.

    Args:
        styles: names or files; with neither these nor ``networks``, one shipped style for each network.
        networks: names of conf/network, run with random weights.
        engines: those to measure; none for all that are here.
        precisions: those to measure; none for all that are here.
        device: see ``fastnst.devices.choose``.
        threads: of the CPU; None for as many as PyTorch takes by itself.

    Raises:
        ConfigError: a network, an engine, a precision or the device is not here.
        StyleFileError: a style cannot be read.
    """
    import torch

    from fastnst import devices

    if "auto" in (*engines, *precisions):
        raise ConfigError("auto is one of the others: name those to measure, or none for all that are here")
    device = str(devices.choose(device))
    threads = threads or torch.get_num_threads()
    known = _presets()
    with TemporaryDirectory(prefix="fastnst-bench-") as folder:
        entries = [(style, named(style.record["network"]), False) for style in _styles(styles, networks)]
        for name in dict.fromkeys(networks):
            if name not in known:
                raise ConfigError(f"there is no network {name!r}; there are {', '.join(known)}")
            entries.append((_random(known[name], Path(folder) / name), name, True))
        usual = str(_random(BASELINE, Path(folder) / "baseline").path)
        baseline = Contestant(usual, named(BASELINE), EAGER, "float32", device, threads, random=True)
        found = {baseline: opened(baseline)}
        for style, label, random in entries:
            wanted = [
                Contestant(str(style.path), label, engine, precision, device, threads, random)
                for engine in dict.fromkeys(engines or ENGINES[1:])
                for precision in dict.fromkeys(precisions or PRECISIONS[1:])
            ]
            found |= _those_here(wanted, engines, precisions)
        yield found


def _those_here(
    wanted: Sequence[Contestant], engines: Sequence[str], precisions: Sequence[str]
) -> dict[Contestant, Runner]:
    """Contestants that can be opened.

    Raises:
        ConfigError: an engine or a precision that was asked for has none.
    """
    tried = {contestant: _tried(contestant) for contestant in wanted}
    found = {one: runner for one, runner in tried.items() if not isinstance(runner, ConfigError)}
    missing = set(engines) - {one.engine for one in found}
    missing |= set(precisions) - {one.precision for one in found}
    for one, refusal in tried.items():
        if isinstance(refusal, ConfigError) and missing & {one.engine, one.precision}:
            raise refusal
    return found


def _tried(contestant: Contestant) -> Runner | ConfigError:
    try:
        return opened(contestant)
    except ConfigError as err:
        return err


def _styles(styles: Sequence[str], networks: Sequence[str]) -> list[Style]:
    if styles or networks:
        return [style_file.read(style_file.find(style)) for style in styles]
    by_network: dict[str, Style] = {}
    for path in style_file.installed().values():
        style = style_file.read(path)
        by_network.setdefault(repr(style.record["network"]), style)
    return list(by_network.values())


def named(network: Mapping[str, Any]) -> str:
    """A network's name in conf/network, or its kind and arguments.

    Args:
        network: as a style's record has it.
    """
    for name, preset in _presets().items():
        if preset == network:
            return name
    arguments = ", ".join(f"{key}={value}" for key, value in network["arguments"].items())
    return f"{network['name']}({arguments})"


@cache
def _presets() -> dict[str, dict[str, Any]]:
    """The networks of conf/network by name."""
    found = {}
    for name in config.choices("network"):
        cfg = config.load("train", [f"network={name}"])
        found[name] = asdict(config.typed(NetworkSettings, cfg.network))
    return found


def _random(network: Mapping[str, Any], path: Path) -> Style:
    """A style file with weights as at the start of training, the same in every run.

    He et al. (2015), https://arxiv.org/abs/1502.01852: activations keep their size through the layers.
    """
    rng = np.random.default_rng(0)
    shapes = architectures.shapes(architectures.architecture(network["name"], network["arguments"]))
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in shapes.items():
        if len(shape) == 4:
            scale = math.sqrt(2 / math.prod(shape[1:]))
            weights[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
        else:
            weights[name] = np.full(shape, name.endswith("weight"), np.float32)
    path = path.with_suffix(style_file.SUFFIX)
    style_file.write(path, weights, {"name": path.stem, "network": dict(network)})
    return style_file.read(path)
