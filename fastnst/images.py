"""Pictures in and out: any photo a person may have becomes float RGB in [0, 1], and goes back to a file.

A picture is float32 ``(3, H, W)``, upright, in sRGB; its transparency is kept apart. Only raster formats that
Pillow decodes itself are opened: nothing here runs another program, and nothing needs torch.
"""

import glob
import importlib
import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from fastnst.errors import ImageError
from fastnst.files import atomic
from fastnst.pixels import Floats, decode, fitted, quiet_pillow, resample, to_bytes

logger = logging.getLogger(__name__)

MAX_PIXELS = 200_000_000
"""A file of a few kB can claim any size: larger pictures are refused before they are decoded."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff"})
SUFFIXES |= {".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".avif"}
"""What is taken for a picture inside folders and globs; a file named outright may have any suffix."""

_PLUGINS = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "TIFF": "Tiff"}
_PLUGINS |= {
    "GIF": "Gif",
    "BMP": "Bmp",
    "PPM": "Ppm",
    "AVIF": "Avif",
    "HEIF": "",
}  # HEIF: if a plugin registered it
WRITERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_LONGEST = {"JPEG": 65_500, "WEBP": 16_383}  # px a side that the format, or its library, can hold


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright sRGB picture.

    Args:
        rgb: float32 (3, H, W) in [0, 1].
        alpha: float32 (H, W) in [0, 1], 1 where the picture is opaque; None if it has no transparency.
        notes: what a person should know of how the file was read, such as "only the first frame is used".
    """

    rgb: Floats
    alpha: Floats | None = None
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows, px."""
        return int(self.rgb.shape[1])

    @property
    def width(self) -> int:
        """Columns, px."""
        return int(self.rgb.shape[2])


def read(
    path: str | Path, *, size: int | None = None, min_side: int = 1, max_pixels: int = MAX_PIXELS
) -> Picture:
    """The picture in a file: upright, in sRGB, of whatever mode and depth it was stored.

    Args:
        path: a JPEG, PNG, WebP, TIFF, GIF, BMP, PPM or AVIF file, told by its content, not by its name.
        size: the longer side in px; the other one keeps the aspect ratio. None keeps the file's size.
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
            for width, height in (image.size, asked):
                if (pixels := width * height) > max_pixels:
                    raise ImageError(
                        f"{path} would take {width}x{height} px, and the limit is {max_pixels / 1e6:g} "
                        f"million pixels: if you trust it, `fastnst stylise --max-pixels {pixels}` lets it in"
                    )
            for width, height in (image.size, asked):
                if min(width, height) < min_side:
                    here, need = f"{width}x{height} px", f"{min_side}x{min_side} px"
                    raise ImageError(f"{path} is too small: {here}, and at least {need} are needed")
            notes = ["only the first of its frames is used"] if _has_frames(image) else []
            rgb, alpha = decode(image, size, notes)
            return Picture(rgb, alpha, tuple(notes))
    except ImageError:
        raise
    except FileNotFoundError as err:
        raise ImageError(f"there is no file {path}") from err
    except MemoryError as err:
        raise ImageError(f"{path} is too large for this machine's memory") from err
    except Exception as err:  # a decoder raises whatever it stumbles on
        if strerror := getattr(err, "strerror", None):
            raise ImageError(f"cannot read {path}: {strerror}") from err
        raise ImageError(f"{path} is damaged: {_reason(err)}") from err


def write(path: str | Path, picture: Picture | Floats, *, quality: int = 95) -> None:
    """Write a picture in the format that the suffix names, whole or not at all, and nothing but its pixels.

    Args:
        path: ends in .jpg, .jpeg, .png, .webp, .tif or .tiff. JPEG keeps full colour resolution (4:4:4) and
            has no transparency: there the picture is put on white, and a log record says so.
        picture: a Picture, or RGB (3, H, W) in [0, 1]; what lies outside is clipped.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        ImageError: the suffix, the values (NaN) or the size cannot be written.
        FastNSTError: the system refuses to write there.
    """
    path = Path(path)
    if not isinstance(picture, Picture):
        picture = Picture(picture)
    rgb, alpha = picture.rgb, picture.alpha
    kind = WRITERS.get(path.suffix.lower())
    if kind is None:
        given = f"the suffix {path.suffix}" if path.suffix else "a name without suffix"
        raise ImageError(f"cannot write {path}: {given} names no format; {', '.join(WRITERS)} do")
    if not 1 <= quality <= 100:
        raise ImageError(f"cannot write {path} at quality {quality}: it goes from 1 to 100")
    if max(rgb.shape[1:]) > _LONGEST.get(kind, 1 << 30):
        size = f"{picture.width}x{picture.height} px"
        raise ImageError(f"cannot write {path}: {size} are more than {kind} holds; .png and .tif can")
    if not np.isfinite(rgb).all() or not (alpha is None or np.isfinite(alpha).all()):
        raise ImageError(f"cannot write {path}: the picture holds NaN or infinite values")
    if alpha is not None and kind == "JPEG":
        if (alpha < 1).any():
            logger.warning("%s: JPEG has no transparency, the picture is put on white", path)
        rgb, alpha = np.clip(rgb, 0, 1) * alpha + (1 - alpha), None
    image = to_pil(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(to_bytes(alpha)))
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    with atomic(path) as partial:
        try:
            image.save(partial, kind, **options.get(kind, {}))
        except (ValueError, KeyError, SystemError) as err:  # a Pillow built without the format, say
            raise ImageError(f"cannot write {path}: {_reason(err)}") from err


def resize(rgb: Floats, height: int, width: int) -> Floats:
    """Channels (C, H, W) in [0, 1] at another size: antialiased Lanczos to reduce, bicubic to enlarge."""
    return np.stack([resample(channel, height, width) for channel in rgb])


def to_pil(rgb: Floats) -> Image.Image:
    """RGB (3, H, W) as an 8-bit Pillow image, clipped to [0, 1] and rounded to the nearest level."""
    return Image.fromarray(np.ascontiguousarray(to_bytes(rgb).transpose(1, 2, 0)))


def from_pil(image: Image.Image) -> Floats:
    """RGB (3, H, W) of a Pillow image of any mode, upright and in sRGB as from ``read``; alpha is dropped."""
    try:
        return decode(image, None, [])[0]
    except Exception as err:
        name = getattr(image, "filename", "") or "a picture"
        raise ImageError(f"{name} is damaged: {_reason(err)}") from err


def expand(inputs: Sequence[str | Path]) -> list[Path]:
    """The files a person means: files as they are, folders with all below them, globs like ``trip/**/*.jpg``.

    In folders and globs only pictures count (SUFFIXES), hidden ones do not, and they come in natural order
    (2 before 10). No file is named twice.

    Raises:
        ImageError: an input is missing, or a folder or glob holds no picture.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            paths = _pictures_below(path)
        elif os.path.lexists(path):
            paths = [path]
        elif glob.has_magic(str(given)):
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207 (a Path globs no absolute pattern)
            paths = [
                file
                for match in sorted(map(Path, names), key=_natural)
                for file in (_pictures_below(match) if match.is_dir() else [match])
                if file.suffix.lower() in SUFFIXES
            ]
        else:
            raise ImageError(f"there is no file or folder {path}")
        if not paths:
            where = f"there is no picture in {path}" if path.is_dir() else f"no picture matches {given}"
            raise ImageError(f"{where} (looked for {', '.join(sorted(SUFFIXES))})")
        for file in paths:
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100 (resolve() would follow links)
    return list(found.values())


def _pictures_below(folder: Path) -> list[Path]:
    def refuse(err: OSError) -> None:
        raise ImageError(f"cannot read folder {err.filename}: {err.strerror}") from err

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted((file for file in found if file.suffix.lower() in SUFFIXES), key=_natural)


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Sort key by which 2.jpg comes before 10.jpg; text and numbers alternate, so equal places compare."""
    pieces = [re.split(r"(\d+)", part.casefold()) for part in path.parts]
    return [[int(p) if i % 2 else p for i, p in enumerate(part)] for part in pieces], str(path)


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


def _reason(err: Exception) -> str:
    return " ".join(str(err).split()) or type(err).__name__
