"""Pictures in and out: any photo a person may have becomes RGB, floats or bytes, and goes back to a file.

A picture is upright, in sRGB, its transparency kept apart: float32 ``(3, H, W)`` in [0, 1] where it is
computed with (``read``, ``write``), bytes ``(H, W, 3)`` where it goes from file to file (``load``, ``save``).
"""

import glob
import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastnst.errors import ImageError
from fastnst.files import atomic
from fastnst.opening import MAX_PIXELS, opened, reason
from fastnst.pixels import Bytes, Floats, decode, decode_bytes, packed, resample, to_bytes

logger = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff"})
SUFFIXES |= {".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".avif"}
"""What is taken for a picture inside folders and globs; a file named outright may have any suffix."""

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


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright sRGB picture in bytes, as files hold it: a quarter of the floats' memory.

    Args:
        pixels: uint8 (H, W, 3).
        alpha: uint8 (H, W), 255 where the picture is opaque; None if it has no transparency.
        notes: see ``Picture``.
    """

    pixels: Bytes
    alpha: Bytes | None = None
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows, px."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns, px."""
        return int(self.pixels.shape[1])


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
    with opened(path, size=size, min_side=min_side, max_pixels=max_pixels) as (image, notes):
        rgb, alpha = decode(image, size, notes)
        return Picture(rgb, alpha, tuple(notes))


def load(
    path: str | Path, *, size: int | None = None, min_side: int = 1, max_pixels: int = MAX_PIXELS
) -> Photo:
    """The picture in a file as bytes: ``read`` with its arguments and errors, rounded to 256 levels.

    A file of 8 bits is never anything else on the way: quicker, and a quarter of the memory. Where ``size``
    changes the sharp edges of a drawing, what overshoots is cut off early, and the two are some levels apart.
    """
    with opened(path, size=size, min_side=min_side, max_pixels=max_pixels) as (image, notes):
        pixels, alpha = decode_bytes(image, size, notes)
        return Photo(pixels, alpha, tuple(notes))


def write(path: str | Path, picture: Picture | Floats, *, quality: int = 95) -> None:
    """Write a picture as ``save`` does, with its arguments and errors.

    Args:
        path: see ``save``.
        picture: a Picture, or RGB (3, H, W) in [0, 1]; what lies outside is clipped.
        quality: see ``save``.

    Raises:
        ImageError: there are NaN or infinite values in it, or as from ``save``.
        FastNSTError: the system refuses to write there.
    """
    if not isinstance(picture, Picture):
        picture = Picture(picture)
    kind = format_of(Path(path), picture.height, picture.width, quality)
    rgb, alpha = picture.rgb, picture.alpha
    if not np.isfinite(rgb).all() or not (alpha is None or np.isfinite(alpha).all()):
        raise ImageError(f"cannot write {path}: the picture holds NaN or infinite values")
    _encode(Path(path), kind, Photo(packed(rgb), None if alpha is None else to_bytes(alpha)), quality)


def save(
    path: str | Path, photo: Photo, *, quality: int = 95, written: Callable[[Path], None] | None = None
) -> None:
    """Write a picture in the format that the suffix names, whole or not at all, and nothing but its pixels.

    Args:
        path: ends in .jpg, .jpeg, .png, .webp, .tif or .tiff. JPEG keeps full colour resolution (4:4:4) and
            has no transparency: there the picture is put on white, and a log record says so.
        photo: what to write.
        quality: of JPEG and WebP, 1 to 100.
        written: told of the whole file under its temporary name, before it takes the place of ``path``.

    Raises:
        ImageError: the suffix, the quality or the size cannot be written.
        FastNSTError: the system refuses to write there.
    """
    _encode(Path(path), format_of(Path(path), photo.height, photo.width, quality), photo, quality, written)


def format_of(path: Path, height: int, width: int, quality: int = 95) -> str:
    """Pillow's name of the format for a picture of so many px, known before there is one.

    Raises:
        ImageError: the suffix, the quality or the size cannot be written.
    """
    kind = WRITERS.get(path.suffix.lower())
    if kind is None:
        given = f"the suffix {path.suffix}" if path.suffix else "a name without suffix"
        raise ImageError(f"cannot write {path}: {given} names no format; {', '.join(WRITERS)} do")
    if not 1 <= quality <= 100:
        raise ImageError(f"cannot write {path} at quality {quality}: it goes from 1 to 100")
    if max(height, width) > _LONGEST.get(kind, 1 << 30):
        size = f"{width}x{height} px"
        raise ImageError(f"cannot write {path}: {size} are more than {kind} holds; .png and .tif can")
    return kind


def _encode(
    path: Path, kind: str, photo: Photo, quality: int, written: Callable[[Path], None] | None = None
) -> None:
    image = Image.fromarray(np.ascontiguousarray(photo.pixels))
    if photo.alpha is not None:
        alpha = Image.fromarray(np.ascontiguousarray(photo.alpha))
        if kind != "JPEG":
            image.putalpha(alpha)
        elif photo.alpha.min() < 255:
            logger.warning("%s: JPEG has no transparency, the picture is put on white", path)
            white = Image.new("RGB", image.size, "white")
            white.paste(image, mask=alpha)
            image = white
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    with atomic(path) as partial:
        try:
            image.save(partial, **options.get(kind, {}))  # given a format, Pillow imports five plugins
        except (ValueError, KeyError, SystemError) as err:  # a Pillow built without the format, say
            raise ImageError(f"cannot write {path}: {reason(err)}") from err
        if written is not None:
            written(partial)


def resize(rgb: Floats, height: int, width: int) -> Floats:
    """Channels (C, H, W) in [0, 1] at another size: antialiased Lanczos to reduce, bicubic to enlarge."""
    return np.stack([resample(channel, height, width) for channel in rgb])


def to_pil(rgb: Floats) -> Image.Image:
    """RGB (3, H, W) as an 8-bit Pillow image, clipped to [0, 1] and rounded to the nearest level."""
    return Image.fromarray(packed(rgb))


def from_pil(image: Image.Image) -> Floats:
    """RGB (3, H, W) of a Pillow image of any mode, upright and in sRGB as from ``read``; alpha is dropped."""
    try:
        return decode(image, None, [])[0]
    except Exception as err:
        name = getattr(image, "filename", "") or "a picture"
        raise ImageError(f"{name} is damaged: {reason(err)}") from err


def expand(
    inputs: Sequence[str | Path],
    *,
    leave_out: Path | None = None,
    unreadable: Callable[[OSError], None] | None = None,
) -> list[Path]:
    """The files a person means: files as they are, folders with all below them, globs like ``trip/**/*.jpg``.

    In folders and globs only pictures count (SUFFIXES), hidden ones do not, and they come in natural order
    (2 before 10). No file is named twice.

    Args:
        inputs: files, folders and globs.
        leave_out: a folder whose pictures do not count where a folder or glob meets them.
        unreadable: told of folders that cannot be read, which are then passed over.

    Raises:
        ImageError: an input is missing, a folder or glob holds no picture, or, where nobody is told, a folder
            cannot be read.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            paths = _pictures_below(path, unreadable)
        elif os.path.lexists(path):
            paths = [path]
        elif glob.has_magic(str(given)):
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207 (a Path globs no absolute pattern)
            paths = [
                file
                for match in sorted(map(Path, names), key=_natural)
                for file in (_pictures_below(match, unreadable) if match.is_dir() else [match])
                if file.suffix.lower() in SUFFIXES
            ]
        else:
            raise ImageError(f"there is no file or folder {path}")
        if leave_out and not path.is_file():
            paths = not_below(paths, leave_out)
        if not paths:
            where = f"there is no picture in {path}" if path.is_dir() else f"no picture matches {given}"
            raise ImageError(f"{where} (looked for {', '.join(sorted(SUFFIXES))})")
        for file in paths:
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100 (resolve() would follow links)
    return list(found.values())


def not_below(photos: Sequence[Path], folder: Path) -> list[Path]:
    """Those that do not lie in a folder, or in one in it."""
    made = Path(os.path.realpath(folder))
    return [photo for photo in photos if made not in Path(os.path.realpath(photo)).parents]


def _pictures_below(folder: Path, unreadable: Callable[[OSError], None] | None) -> list[Path]:
    def refuse(err: OSError) -> None:
        raise ImageError(f"cannot read folder {err.filename}: {err.strerror}") from err

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=unreadable or refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted((file for file in found if file.suffix.lower() in SUFFIXES), key=_natural)


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Sort key by which 2.jpg comes before 10.jpg; text and numbers alternate, so equal places compare."""
    pieces = [re.split(r"(\d+)", part.casefold()) for part in path.parts]
    return [[int(p) if i % 2 else p for i, p in enumerate(part)] for part in pieces], str(path)
