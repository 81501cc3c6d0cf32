"""Picture files opened: told by their content, measured before they are decoded, each fault in one line.

Only raster formats that Pillow decodes itself are opened: nothing here runs another program.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from PIL import Image

from fastnst.errors import ImageError
from fastnst.pixels import fitted, quiet_pillow

MAX_PIXELS = 200_000_000
"""A file of a few kB can claim any size: larger pictures are refused before they are decoded."""

_PLUGINS = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "TIFF": "Tiff"}
_PLUGINS |= {
    "GIF": "Gif",
    "BMP": "Bmp",
    "PPM": "Ppm",
    "AVIF": "Avif",
    "HEIF": "",
}  # HEIF: if a plugin registered it


_UNREAD = ("unknown pixel mode", "unknown data organization")  # what Pillow says of a sound TIFF


@contextmanager
def opened(
    path: str | Path, *, size: int | None, min_side: int, max_pixels: int
) -> Iterator[tuple[Image.Image, list[str]]]:
    """An image that is not decoded yet, and what a person should know of it; decode it inside the block.

    Args:
        path: told by its content, not by its name.
        size: the longer side that is wanted, px; None for the file's.
        min_side: the shortest side, in px, before and after ``size``, that the caller can use.
        max_pixels: the most pixels that the file may claim, or ``size`` may ask for.

    Raises:
        ImageError: the file is missing, unreadable, no picture, damaged, too large or too small.
    """
    path = Path(path)
    if size is not None and size < 1:
        raise ImageError(f"a picture cannot be {size} px long: size must be at least 1")
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise ImageError(f"cannot read {path}: it is {kind}")
        with path.open("rb") as file:
            image = _identify(file, path)
            asked = image.size if size is None else fitted(image.size, size)
            for (width, height), hint in (
                (image.size, "if you trust it,"),
                (asked, "ask for a smaller size, or"),
            ):
                if (pixels := width * height) > max_pixels:
                    raise ImageError(
                        f"{path} would take {width}x{height} px, and the limit is {max_pixels / 1e6:g} "
                        f"million pixels; {hint} `fastnst stylise` has --max-pixels {pixels}"
                    )
            for width, height in (image.size, asked):
                if min(width, height) < min_side:
                    here, need = f"{width}x{height} px", f"{min_side}x{min_side} px"
                    raise ImageError(f"{path} is too small: {here}, and at least {need} are needed")
            yield image, ["only the first of its frames is used"] if _has_frames(image) else []
    except ImageError:
        raise
    except FileNotFoundError as err:
        raise ImageError(f"there is no file {path}") from err
    except MemoryError as err:
        raise ImageError(f"{path} is too large for this machine's memory") from err
    except Exception as err:  # a decoder raises whatever it stumbles on
        if strerror := getattr(err, "strerror", None):
            raise ImageError(f"cannot read {path}: {strerror}") from err
        if reason(err) in _UNREAD:
            raise ImageError(f"cannot read the kind of pixels in {path}: save it as 8 or 16 bits") from err
        raise ImageError(f"{path} is damaged: {reason(err)}") from err


def _identify(file: IO[bytes], path: Path) -> Image.Image:
    """The undecoded image in an open file, by its first bytes.

    Image.open is passed by: it tells a damaged picture from no picture at all only by a warning.
    """
    start = file.read(16)
    if not start:
        raise ImageError(f"{path} is empty")
    for name, plugin in _PLUGINS.items():
        if plugin and name not in Image.OPEN:
            with suppress(ImportError):
                importlib.import_module(f"PIL.{plugin}ImagePlugin")
        if name not in Image.OPEN:
            continue
        factory, accept = Image.OPEN[name]
        verdict = accept is not None and accept(start.ljust(16, b"\0"))
        if isinstance(verdict, str):  # Pillow knows the format, but this build of it cannot decode it
            raise ImageError(f"cannot read {path}: this Pillow was built without {name}")
        if verdict:
            file.seek(0)
            with quiet_pillow():
                return factory(file, str(path))
    hint = "; save HEIC photos as JPEG first" if start[4:8] == b"ftyp" else ""
    names = ", ".join(name for name in _PLUGINS if name in Image.OPEN)
    raise ImageError(f"{path} is not a picture that fastnst can read ({names}){hint}")


def _has_frames(image: Image.Image) -> bool:
    """Whether a file holds several pictures; the previews in a phone's JPEG (MPO) do not count."""
    try:
        with quiet_pillow():
            return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # what follows the first frame is damaged, and not needed
        return False


def reason(err: Exception) -> str:
    """What a foreign error says, in one line."""
    return " ".join(str(err).split()) or type(err).__name__
