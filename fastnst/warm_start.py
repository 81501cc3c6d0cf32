"""What a training begins with: the file, the network, and what records say of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from fastnst import files, networks, style_file
from fastnst.architectures import fits
from fastnst.errors import ConfigError
from fastnst.networks import StyleNetwork
from fastnst.run_settings import RunSettings


def first_file(settings: RunSettings) -> Path | None:
    """The file whose weights a training begins with; None for none.

    Raises:
        StyleFileError: there is no such file.
    """
    if settings.init == "auto":
        return style_file.base(asdict(settings.network))
    return None if settings.init == "scratch" else style_file.find(settings.init)


def first_network(settings: RunSettings) -> StyleNetwork:
    """The network as training begins: fresh, or with a file's weights.

    Raises:
        ConfigError: the file is of another kind of network.
        StyleFileError: there is no such file.
    """
    network = networks.build(settings.network.name, settings.network.arguments)
    first = first_file(settings)
    if first is not None:
        style, chosen = style_file.read(first), asdict(settings.network)
        if not fits(style.record["network"], chosen):
            raise ConfigError(
                f"init={settings.init} is a {style.record['network']}, and what is trained is a {chosen}"
            )
        network.load_state_dict({name: torch.from_numpy(value) for name, value in style.weights().items()})
    return network


def beginning(settings: RunSettings) -> dict[str, Any]:
    """What a training begins with, as records have it: a name and the file's SHA-256.

    Of a trained file also the steps that it had; of a style the SHA-256 of what the first training of all
    began with, as far as its record tells. A base that went on from another is a new one.

    Raises:
        StyleFileError: there is no such file.
    """
    first = first_file(settings)
    if first is None:
        return {"init": "scratch"}
    own = "own base" if first.stem == "base" else first.stem
    name = "base" if settings.init == "auto" else own
    begun: dict[str, Any] = {"init": name, "init_sha256": files.sha256(first)}
    record = style_file.read(first).record
    before = record.get("training", {})
    if "init" in before and "steps" in record:  # a training, and no blend
        begun["steps_before"] = record["steps"] + before.get("steps_before", 0)
    base = before.get("base_sha256", before.get("init_sha256"))
    if base and "paintings" not in before:  # no base itself
        begun["base_sha256"] = base
    return begun
