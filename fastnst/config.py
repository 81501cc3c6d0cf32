"""From conf/*.yaml and ``key=value`` overrides to typed settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from fastnst.errors import ConfigError
from fastnst.settings import NetworkSettings, PaintingSettings

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

T = TypeVar("T")


def conf_dir() -> Path:
    """The folder of YAML files: inside an installed package, beside it in a checkout.

    Raises:
        ConfigError: it is in neither place.
    """
    for folder in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"no conf/ folder in or beside {Path(__file__).parent}")


def choices(group: str) -> list[str]:
    """Names of a group of conf/: ``choices("painting")``."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def load(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose ``conf/<name>.yaml`` with ``key=value`` overrides. Not to be called inside ``application``.

    Raises:
        ConfigError: an override names nothing.
    """
    from hydra import compose, initialize_config_dir

    with mistakes_in_one_line(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(name, overrides=[quoted(override) for override in overrides])


def painting(name: str, folder: str) -> PaintingSettings:
    """The settings of conf/painting/NAME.yaml, its picture looked for in ``folder``.

    Raises:
        ConfigError: there is no such painting.
    """
    from omegaconf import OmegaConf

    if name not in choices("painting"):
        raise ConfigError(f"there is no painting {name!r}; there are {', '.join(choices('painting'))}")
    cfg = cast("DictConfig", OmegaConf.load(conf_dir() / "painting" / f"{name}.yaml"))
    cfg["dir"] = folder
    return typed(PaintingSettings, cfg)


def network_choice(network: NetworkSettings) -> str:
    """What conf/network/ calls that network, or else its architecture's name."""
    from omegaconf import OmegaConf

    for name in choices("network"):
        cfg = cast("DictConfig", OmegaConf.load(conf_dir() / "network" / f"{name}.yaml"))
        if typed(NetworkSettings, cfg) == network:
            return name
    return network.name


def plain(schema: type[T], name: str) -> T:
    """The settings of conf/NAME.yaml as they stand."""
    from omegaconf import OmegaConf

    return typed(schema, cast("DictConfig", OmegaConf.load(conf_dir() / f"{name}.yaml")))


QUOTES = ("'", '"')
PART = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*?)\s*,""")  # of values with commas between
TEXT = re.compile(
    r"(.*\.)?(artist|content|dir|image|init|name|out|paintings|paintings_dir|path|photos|resume|style|title|"
    r"val_path|weights|year)"
)
"""Settings that are names, of files most of them: 2024_10 is no number there."""


def quoted(override: str, *, sweep: bool = False) -> str:
    """An override as it stands, or with quotes where Hydra could not read it as meant: ``out=Größe.png``.

    Args:
        override: ``key=value``.
        sweep: whether commas stand between values of several runs.

    Raises:
        ConfigError: a name before a colon has letters that Hydra takes there in no way.
    """
    key, equals, value = override.partition("=")
    if override.startswith("-") or not equals:
        return override
    found = _read(override)
    if found is not None and not (_named(key) and "(" not in value and _numbers(found, sweep=sweep)):
        return override
    listed = value.startswith("[") and value.endswith("]") and not re.search(r"\],\s*\[|\$\{", value)
    if listed or (sweep and "," in value and not re.search(r"[][(){}]", value)):
        parts = PART.findall(f"{value[1:-1] if listed else value},")
        items = ",".join(part if part[:1] in QUOTES else item(part) for part in parts)
        several = f"{key}=[{items}]" if listed else f"{key}={items}"
        if _read(several) is not None:
            return several
    if value.startswith("{") and value.endswith("}"):
        raise ConfigError(
            f"{key}={value} cannot be read: names before a colon are of ASCII letters, digits, . / - and _; "
            "give such a file another name"
        )
    return f"{key}={_in_quotes(value)}"


def item(value: object) -> str:
    """A value as it stands in a list, ``content=[a.jpg,'my cat.jpg']``, in quotes if need be."""
    text = str(value)
    if not re.fullmatch(r"[\w./:-]+", text, re.ASCII):
        return _in_quotes(text)
    found = _read(f"x={text}")
    as_it_is = not isinstance(value, str) or (found is not None and isinstance(found.value(), str))
    return text if as_it_is else _in_quotes(text)


def _read(override: str) -> Override | None:
    """What Hydra reads in an override; None if it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def _named(key: str) -> bool:
    """Whether a setting is a name: see ``TEXT``."""
    return TEXT.fullmatch(key.lstrip("+")) is not None


def _numbers(override: Override, *, sweep: bool) -> bool:
    """Whether Hydra takes for a number what stands there, or a part of it: ``2024_10`` becomes 202410."""
    from hydra.core.override_parser.types import ChoiceSweep

    found = override.value()
    if isinstance(found, ChoiceSweep):
        found = found.list if sweep else []
    return any(type(each) in (int, float) for each in (found if isinstance(found, list) else [found]))


def _in_quotes(text: str) -> str:
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"


def typed(schema: type[T], cfg: DictConfig) -> T:
    """Check ``cfg`` against a dataclass and return an instance of it: no DictConfig goes further.

    Raises:
        ConfigError: a key is unknown, a type wrong or a value impossible.
    """
    from omegaconf import OmegaConf

    with mistakes_in_one_line():
        return cast("T", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), cfg)))


@contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """Inside the block, what Hydra and OmegaConf raise becomes a ConfigError."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as err:
        raise ConfigError(_one_line(err)) from err


def _one_line(err: Exception) -> str:
    """What Hydra or OmegaConf complains of, with the setting's name, in one line."""
    first, *rest = [line.strip() for line in str(err).splitlines() if line.strip()] or [type(err).__name__]
    key = next((line.removeprefix("full_key: ") for line in rest if line.startswith("full_key: ")), "")
    if found := re.match(r"Could not override '(.*)'", first):
        name = key or found[1]
        hint = f"+{name}=WEIGHT adds it" if "_layers." in name else "--cfg job lists those there are"
        return f"there is no setting {name!r}; {hint}"
    if (found := re.search(r"Could not find '(\w+)/(.*)'", first)) and choices(found[1]):
        return f"there is no {found[1]} {found[2]!r}; there are {', '.join(choices(found[1]))}"
    if found := re.search(r"missing mandatory value: (\w+)", first):
        return f"{key or found[1]} is missing: {key or found[1]}=VALUE"
    if found := re.match(r"Ambiguous value for argument '(\S*?)=(.*)'", first):
        name, values = found[1], found[2]
        one = f""", one name with a comma in it is {name}="'{values}'\"""" if _named(name) else ""
        return f"{name} has several values: a list is {name}=[{values}], a sweep over them needs -m{one}"
    if re.match(r"Cannot assign .* to Dict|Invalid type assigned: .* is not a subclass of Dict", first):
        return f"{key} takes names with values: '{key}={{NAME: VALUE, OTHER: VALUE}}'"
    if first.startswith("Error parsing override") and rest:
        return f"{first}: {rest[0]}"
    return f"{key}: {first}" if key and key not in first else first
