"""One style of two: their weights, mixed. Needs no torch.

Trainings that begin with the same network (``init=auto``) end near enough to each other that between their
weights lie sound networks too: the linear mode connectivity of Frankle et al. (2020),
https://arxiv.org/abs/1912.05671, section 3. So a blend is a style file like any other, as fast, and with
strengths.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastnst import files, style_file
from fastnst.architectures import architecture, in_full
from fastnst.errors import ConfigError
from fastnst.style_file import Style

logger = logging.getLogger(__name__)


def blend(first: Style, second: Style, part: float, out: str | Path) -> None:
    """Write the style that lies between two.

    Args:
        first: what there is the more of, the smaller ``part`` is.
        second: what there is the more of, the larger it is.
        part: of the second, 0 to 1.
        out: the style file, ending in ``.safetensors``.

    Raises:
        ConfigError: the part is out of range, the networks differ, or ``out`` is no name for a style.
        StyleFileError: weights cannot be read.
        FastNSTError: the system refuses to write there.
    """
    path = Path(out)
    if not 0 <= part <= 1:
        raise ConfigError(f"the part of the second style must be from 0 to 1, not {part}")
    if path.suffix != style_file.SUFFIX:
        raise ConfigError(f"{path}: the name of a style file ends in {style_file.SUFFIX}")
    names, others = (
        {name: shape for name, shape in style.shapes.items() if not name.startswith(style_file.TARGET)}
        for style in (first, second)
    )  # a blend was trained to match nothing
    one, other = (
        architecture(record["name"], record["arguments"])
        for record in (first.record["network"], second.record["network"])
    )
    if one != other or names != others:
        raise ConfigError(f"{first.path} and {second.path} do not mix: {_difference(first, second)}")
    if path.resolve() in (first.path.resolve(), second.path.resolve()):
        raise ConfigError(f"{path} would overwrite a style that it is made of: give it another name")
    files.check_writable(path)
    if not _common_start(first, second):
        logger.warning("these two did not begin with the same base: what lies between them is often mud")
    ends = first.stored(), second.stored()
    mixed = {name: ((1 - part) * ends[0][name] + part * ends[1][name]).astype(np.float16) for name in names}
    style_file.write(path, mixed, _record(first, second, part, path.stem))


def _record(first: Style, second: Style, part: float, name: str) -> Mapping[str, Any]:
    titles = [str(style.record.get("title", style.path.stem)) for style in (first, second)]
    names = [str(style.record["name"]) for style in (first, second)]
    if names[0] == names[1]:  # two people's "mine", say
        names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    record: dict[str, Any] = {
        "name": name,
        "title": f"{titles[0]} and {titles[1]}",
        "network": first.record["network"],
        "blend": {names[0]: 1 - part, names[1]: part},
    }
    if start := _common_start(first, second):
        record["training"] = start
    licences = {style.record.get("licence") for style in (first, second)}
    if len(licences) == 1:
        record["licence"] = licences.pop()
    return record


def _difference(first: Style, second: Style) -> str:
    """Why weights of two styles cannot be mixed."""
    one, other = (in_full(style.record["network"]) for style in (first, second))
    if one["name"] != other["name"]:
        return f"their networks are a {one['name']} and a {other['name']}"
    pairs = [(key, value, other["arguments"][key]) for key, value in one["arguments"].items()]
    if unlike := [f"{key} {value} and {its}" for key, value, its in pairs if value != its]:
        return f"the arguments of their networks differ: {', '.join(unlike)}"
    return "one of them has strengths, the other has not"


def _common_start(first: Style, second: Style) -> dict[str, Any]:
    """What both trainings began with, as their records have it; nothing if it was not the same.

    Of a style that began with another it is what that one began with.
    """
    one, other = (style.record.get("training", {}) for style in (first, second))
    bases = [start.get("base_sha256", start.get("init_sha256")) for start in (one, other)]
    named = {"init": "base"} if one.get("init") == other.get("init") == "base" else {}
    if None in bases:  # records had no digests once
        return named
    return {**named, "base_sha256": bases[0]} if bases[0] == bases[1] else {}
