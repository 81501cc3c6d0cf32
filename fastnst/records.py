"""What a style file says of itself, and what it must."""

from typing import Any, TypedDict, cast, get_origin, get_type_hints

from fastnst.errors import StyleFileError

FORMAT = 2  # 1: fast networks ended in a tanh


class NetworkRecord(TypedDict):
    """What rebuilds the network: ``networks.build(name, arguments)``."""

    name: str
    arguments: dict[str, Any]


class Record(TypedDict, total=False):
    """What a style file says of itself. ``format``, ``name`` and ``network`` are always there."""

    format: int
    name: str
    network: NetworkRecord
    title: str
    artist: str
    year: int | str
    painting: dict[str, Any]  # its SHA-256 and size
    loss: dict[str, Any]
    calibration: dict[str, Any]  # why these numbers
    blend: dict[str, Any]  # how much of which styles
    training: dict[str, Any]
    steps: int
    data: dict[str, Any] | str
    versions: dict[str, str]
    held_out: dict[str, Any]  # losses on photos that were not trained on
    artefacts: dict[str, Any]  # scores of what goes wrong
    thumbnail: str  # base64 of a JPEG
    licence: str
    created: str


def checked(record: Any, whose: str) -> Record:
    """The record if all that fastnst knows in it has the right type; keys it does not know are kept.

    Raises:
        StyleFileError: it has not, or the format is newer than this fastnst.
    """
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise StyleFileError(f"{whose} is not a fastnst style: no format number")
    if not 1 <= record["format"] <= FORMAT:
        raise StyleFileError(
            f"{whose} has format {record['format']} and this fastnst reads {FORMAT}: "
            "pip install --upgrade fastnst"
        )
    if record["format"] == 1 and "'fast'" in str(record.get("network")):
        raise StyleFileError(f"{whose} is of an earlier fastnst, with another fast network: train it again")
    for key in ("name", "network"):
        if record.get(key) is None:
            raise StyleFileError(f"{whose} is damaged: no {key!r} in it")
    record = {key: value for key, value in record.items() if value is not None}
    _check_types(record, Record, whose)
    _check_types(record["network"], NetworkRecord, whose)
    return cast(Record, record)


def _check_types(values: dict[str, Any], schema: Any, whose: str) -> None:
    """Raise a StyleFileError where a value is not of its key's type in a TypedDict."""
    for key, hint in get_type_hints(schema).items():
        if key not in values:
            if key in schema.__required_keys__:
                raise StyleFileError(f"{whose} is damaged: no {key!r} in it")
            continue
        options = getattr(hint, "__args__", (hint,)) if get_origin(hint) is not dict else (hint,)
        kinds = tuple(dict if option is NetworkRecord else get_origin(option) or option for option in options)
        if not isinstance(values[key], kinds):
            raise StyleFileError(f"{whose} is damaged: {key!r} is a {type(values[key]).__name__}")
