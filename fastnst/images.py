"""Pictures in and out: any photo a person may have becomes RGB, floats or bytes, and goes back to a file.

A picture is upright, in sRGB, its transparency kept apart: float32 ``(3, H, W)`` in [0, 1] where it is
computed with (``read``, ``write``), bytes ``(H, W, 3)`` where it goes from file to file (``load``, ``save``).
"""

import logging
from collections.abc import Callable
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
