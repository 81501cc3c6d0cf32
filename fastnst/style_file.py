"""A style: one network for one painting, in one safetensors file that describes itself. Needs no torch.

The header's metadata holds a JSON record under the key ``fastnst``. A record names a network that fastnst
ships and its arguments, so a file from a stranger brings numbers and text, never code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnst import strangers
from fastnst.errors import ConfigError, StyleFileError
from fastnst.files import atomic, typed_path
from fastnst.records import FORMAT, NetworkRecord, checked
from fastnst.records import Record as Record

if TYPE_CHECKING:  # most commands read headers alone
    import numpy as np
    from numpy.typing import NDArray

STYLES = Path(__file__).parent / "styles"
BASES = STYLES / "bases"  # to begin training with
SUFFIX = ".safetensors"
HEADER_LIMIT = 1 << 20  # bytes; a record with its thumbnail takes a hundredth of it
DTYPES = {"F16": 2, "F32": 4}  # bytes a number

WEAKER, STRONGER = "weaker/", "stronger/"  # before names of weights that are others at strength 0, STRONGEST
TARGET = "target/"  # before names of layers: what the network was trained to match (fastnst.style_targets)
STRONGEST = 1.5


@dataclass(frozen=True)
class Style:
    """A style file whose header has been read and checked; its weights stay on the disk until wanted.

    Args:
        path: the file.
        record: what the file says of itself.
        shapes: the shape of every weight, by its name in the network.
        size: bytes of the file.
    """

    path: Path
    record: Record
    shapes: Mapping[str, tuple[int, ...]]
    size: int

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(prod(shape) for name, shape in self.shapes.items() if not _is_aside(name))

    @property
    def has_target(self) -> bool:
        """Whether the file tells what its network was trained to match."""
        return any(name.startswith(TARGET) for name in self.shapes)

    @property
    def has_strength(self) -> bool:
        """Whether the file has weights for strengths below 1 and above."""
        return all(any(name.startswith(end) for name in self.shapes) for end in (WEAKER, STRONGER))

    def weights(self, strength: float = 1.0) -> "dict[str, NDArray[np.float32]]":
        """Every weight as float32, by its name in the network.

        Args:
            strength: how much of the style, 0 to ``STRONGEST``.

        Raises:
            ConfigError: the file has weights for a strength of 1 alone, or the strength is out of range.
            StyleFileError: the file cannot be read or a weight is not a finite number.
        """
        import numpy as np

        numbers = self.stored()
        weights = {name: values for name, values in numbers.items() if not _is_aside(name)}
        if strength == 1:
            return weights
        if not 0 <= strength <= STRONGEST:
            raise ConfigError(f"strength must be from 0 to {STRONGEST}, not {strength}")
        if not self.has_strength:
            raise ConfigError(f"{self.path} was trained for a strength of 1 alone")
        end = WEAKER if strength < 1 else STRONGER
        part = np.float32(1 - strength if strength < 1 else (strength - 1) / (STRONGEST - 1))
        for name, values in numbers.items():
            if name.startswith(end):
                plain = name.removeprefix(end)
                weights[plain] = (1 - part) * weights[plain] + part * values
        return weights

    def stored(self) -> "dict[str, NDArray[np.float32]]":
        """All that is in the file, as float32, in the order of the names; errors as ``weights``'s."""
        import numpy as np
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            stored = sorted(load_file(self.path).items())
        except (OSError, SafetensorError) as err:
            raise StyleFileError(f"{self.path}: its weights cannot be read: {err}") from err
        for name, values in stored:
            if not np.isfinite(values).all():
                raise StyleFileError(f"{self.path} is damaged: {name!r} holds numbers that are not finite")
        return {name: values.astype(np.float32) for name, values in stored}


def read(path: str | Path) -> Style:
    """Read and check a style file's header.

    Raises:
        StyleFileError: the file is not a style, is damaged, or is of a newer format.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(1024)
            length = int.from_bytes(start[:8], "little")
            header = (
                (start[8:] + file.read(max(0, 8 + length - len(start))))[:length]
                if length <= HEADER_LIMIT
                else b""
            )
    except OSError as err:
        raise StyleFileError(f"{path}: {err.strerror or err}") from err
    if size < 9 or length > HEADER_LIMIT or start[8:9] != b"{":
        raise StyleFileError(f"{path} is {strangers.kind(start)}")
    if size < 8 + length:
        raise StyleFileError(f"{path} is cut short: {size} bytes of {8 + length} or more; fetch it again")
    try:
        tensors = json.loads(header)
        metadata = tensors.pop("__metadata__", {})
        if not isinstance(metadata, dict) or "fastnst" not in metadata:
            raise StyleFileError(
                f"{path} is a safetensors file without fastnst's record, not a fastnst style"
            )
        record = json.loads(metadata["fastnst"])
        shapes, end = _shapes(tensors)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as err:
        raise StyleFileError(
            f"{path} is damaged: its header cannot be understood ({type(err).__name__})"
        ) from err
    if size != 8 + length + end:
        raise StyleFileError(
            f"{path} is damaged: {size} bytes, not the {8 + length + end} it declares; fetch it again"
        )
    return Style(path, checked(record, str(path)), shapes, size)


def write(path: str | Path, weights: "Mapping[str, NDArray[Any]]", record: Mapping[str, Any]) -> None:
    """Write a style file, whole or not at all; ``format`` is added to the record.

    Args:
        path: where to; styles end in ``.safetensors``.
        weights: the network's state by name, float32 or float16, kept as they are.
        record: see ``Record``; needs ``name`` and ``network``.

    Raises:
        StyleFileError: the record is not one, or the weights are not finite float16 or float32 numbers.
        FastNSTError: the system refuses to write there.
    """
    import numpy as np
    from safetensors.numpy import save

    record = checked({**record, "format": FORMAT}, "the style's record")
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except ValueError as err:
        raise StyleFileError(f"the style's record holds a number that is not finite: {err}") from err
    if len(text.encode()) > HEADER_LIMIT // 2:
        raise StyleFileError(
            f"the style's record is larger than {HEADER_LIMIT // 2} bytes: is the thumbnail small?"
        )
    for name, values in weights.items():
        if values.dtype not in (np.float16, np.float32) or not np.isfinite(values).all():
            raise StyleFileError(
                f"weight {name!r} is not of finite float16 or float32 numbers; style not written"
            )
    numbers = {name: np.ascontiguousarray(values) for name, values in weights.items()}
    data = save(numbers, {"fastnst": text})
    with atomic(path) as partial:
        partial.write_bytes(data)


def installed() -> dict[str, Path]:
    """The styles that came with fastnst, by name."""
    return {path.stem: path for path in sorted(STYLES.glob(f"*{SUFFIX}"))}


def base(network: NetworkRecord | Mapping[str, Any]) -> Path | None:
    """The file that training of a network begins with, if one came with fastnst.

    Raises:
        ConfigError: see ``architectures.architecture``.
    """
    from fastnst.architectures import fits  # and numpy, which showing styles does without

    path = BASES / f"{network['name']}{SUFFIX}"
    return path if path.is_file() and fits(read(path).record["network"], network) else None


def find(style: str | Path) -> Path:
    """The file of an installed style ("starry_night", "Starry Night") or of a path.

    Raises:
        StyleFileError: there is neither.
    """
    known = installed()
    name = str(style).lower().replace(" ", "_").replace("-", "_")
    if name in known:
        return known[name]
    path = typed_path(str(style))
    if path.is_dir():
        raise StyleFileError(f"{path} is a folder; a style is a {SUFFIX} file in it")
    if path.exists():
        return path
    names = f"installed: {', '.join(known)}" if known else "none is installed"
    if path.suffix or len(path.parts) > 1:
        raise StyleFileError(f"{path}: there is no such file, nor a style of that name ({names})")
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    hint = f"{guess} ({names}; the path of a {SUFFIX} file works too)"
    raise StyleFileError(f"there is no style {str(style)!r}{hint}")


def _shapes(tensors: dict[str, Any]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Shapes by name and the bytes of all the data, from a safetensors header.

    Raises:
        ValueError, TypeError, LookupError: the header is not that of a style.
    """
    shapes = {}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        shape, (first, last) = tensor["shape"], tensor["data_offsets"]
        if not all(isinstance(side, int) and side >= 0 for side in [*shape, first, last]):
            raise ValueError(name)
        if first != end or last - first != prod(shape) * DTYPES[tensor["dtype"]]:
            raise ValueError(name)
        shapes[name] = tuple(shape)
        end = last
    return shapes, end


def _is_aside(name: str) -> bool:
    """Whether a tensor is none of the network's at a strength of 1."""
    return name.startswith((WEAKER, STRONGER, TARGET))
