"""Where a style comes from: a preset's file, any picture of the user's, or the one that fastnst draws."""

import hashlib
import logging
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastnst import brushstrokes, files, images, samples
from fastnst.config import choices
from fastnst.errors import ConfigError, ImageError
from fastnst.opening import MAX_PIXELS, opened
from fastnst.settings import PaintingSettings

logger = logging.getLogger(__name__)

BUILTIN = "builtin:brushstrokes"
_BUILTIN_LARGEST = 4096  # px
PLAIN = 4 / 255  # the standard deviation, in each channel, of a picture that is nearly of a single colour
STRAIGHT = 0.45  # of the edges, along the sides: Mondrian's have 0.57, eleven others 0.2 to 0.32
MIN_SIDE = 32  # px: after VGG-19's four poolings 2x2 positions are left to correlate


@dataclass(frozen=True, eq=False)
class Painting:
    """A picture whose style is learnt, and what is known of it."""

    rgb: NDArray[np.float32]  # (3, H, W) in [0, 1], aspect as in the file
    name: str  # of a-z, 0-9, _ and -: fit for a file name
    title: str
    artist: str | None
    year: str | None
    sha256: str  # of the file; of the 8-bit pixels if fastnst drew it
    size: int  # px, the longer side of rgb


def find(settings: PaintingSettings) -> Path | None:
    """The file of the painting that the settings name; None if fastnst draws it.

    Raises:
        ConfigError: no painting was chosen, or a built-in one that does not exist.
        ImageError: its file is missing, or there is no such sample.
    """
    if not settings.image:
        names = ", ".join(name for name in choices("painting") if name != "own")
        raise ConfigError(
            f"no painting was chosen: painting.image=FILE takes any picture, painting=NAME one of {names}"
        )
    if settings.image.startswith("sample:"):
        return samples.resolve(settings.image)
    if not settings.image.startswith("builtin:"):
        return _find(settings.image, settings)
    if settings.image != BUILTIN:
        raise ConfigError(f"there is no painting {settings.image}: the one that fastnst draws is {BUILTIN}")
    return None


def style_name(settings: PaintingSettings) -> str:
    """What a style of that painting is called, of a-z, 0-9, _ and -; errors as ``find``'s."""
    path = find(settings)
    return plain(settings.name or (BUILTIN.removeprefix("builtin:") if path is None else path.stem))


def load(settings: PaintingSettings, size: int) -> Painting:
    """Read the painting that the settings name; transparency is put on white.

    Args:
        settings: their own size, which may be ``auto``, does not count here.
        size: of the longer side, px.

    Raises:
        ConfigError, ImageError: as from ``find``; or the file is damaged, no picture or too narrow.
    """
    path = find(settings)
    if path is None:
        rgb, sha256 = _drawn(size)
        stem = BUILTIN.removeprefix("builtin:")
    else:
        rgb, sha256 = _read(path, size), files.sha256(path)
        stem = path.stem
    return Painting(
        rgb=rgb,
        name=style_name(settings),
        title=settings.title or " ".join(stem.replace("_", " ").split()) or stem,
        artist=settings.artist,
        year=settings.year,
        sha256=sha256,
        size=size,
    )


def hints(settings: PaintingSettings, painting: Painting) -> list[str]:
    """Why the style of a painting will be poor, as far as the picture alone tells: one line each.

    Raises:
        ConfigError, ImageError: as from ``load``.
    """
    found = []
    path = find(settings)
    if path is not None:
        with opened(path, size=None, min_side=1, max_pixels=MAX_PIXELS) as (image, _):
            longer = max(image.size)
        if longer < 0.9 * painting.size:
            found.append(
                f"{path.name} has {longer} px and is enlarged to {painting.size}: its strokes will be "
                "blurred; take a larger picture of the painting"
            )
    if painting.rgb.std(axis=(1, 2)).max() < PLAIN:
        found.append(f"{painting.title} is nearly of a single colour: there is hardly a stroke to learn")
    return found


def straight(painting: Painting) -> float:
    """The share of its edges, by contrast, that run level or upright, within 10 degrees; 0.22 by chance."""
    down, across = np.gradient(painting.rgb.mean(axis=0))
    contrast = np.hypot(down, across)
    angle = np.degrees(np.arctan2(down, across)) % 90
    near = np.minimum(angle, 90 - angle) < 10
    return float(contrast[near].sum() / max(contrast.sum(), np.finfo(np.float32).tiny))


def resized(painting: Painting, size: int) -> Painting:
    """The same with a longer side of ``size`` px."""
    height, width = painting.rgb.shape[1:]
    scale = size / max(height, width)
    rgb = images.resize(painting.rgb, max(1, round(height * scale)), max(1, round(width * scale)))
    return replace(painting, rgb=rgb, size=size)


def _drawn(size: int) -> tuple[NDArray[np.float32], str]:
    """The built-in painting, 4:3, and the SHA-256 of its 8-bit pixels."""
    if size > _BUILTIN_LARGEST:
        raise ConfigError(f"{BUILTIN} is drawn up to {_BUILTIN_LARGEST} px, not painting.size={size}")
    rgb = brushstrokes.paint(height=round(size * 3 / 4), width=size)
    pixels = images.to_pil(rgb).tobytes()
    return rgb, hashlib.sha256(pixels).hexdigest()


def _find(image: str, settings: PaintingSettings) -> Path:
    """The file called ``image``: from the working directory, then in ``settings.dir``."""
    try:
        given = Path(image).expanduser()
        places = [given, Path(settings.dir).expanduser() / given]  # an absolute path stays itself
        for path in places:
            if path.is_file():
                return path
        if given.exists():
            return given  # a folder, say: images.read has the words for it
    except (OSError, ValueError, RuntimeError) as err:  # no permission, an impossible name, no home folder
        raise ImageError(f"cannot look for the painting {image!r}: {err}") from err
    looked = " or ".join(dict.fromkeys(str(path) for path in places))
    origin = f"; it can be had from: {settings.source}" if settings.source else ""
    raise ImageError(
        f"there is no painting at {looked}{origin}; painting.dir=FOLDER says where it lies, "
        "painting.image=FILE takes any picture"
    )


def _read(path: Path, size: int) -> NDArray[np.float32]:
    with opened(path, size=None, min_side=1, max_pixels=MAX_PIXELS) as (image, _):
        needed = math.ceil(MIN_SIDE * max(image.size) / min(image.size))
        if size < needed:
            raise ImageError(
                f"{path} is {image.width}x{image.height} px: so that its shorter side has {MIN_SIDE} px, "
                f"painting.size must be at least {needed}, not {size}"
            )
    picture = images.read(path, size=size, min_side=MIN_SIDE)
    for note in picture.notes:
        logger.warning("%s: %s", path, note)
    if picture.alpha is None:
        return picture.rgb
    return picture.rgb * picture.alpha + (1 - picture.alpha)


def plain(name: str, otherwise: str = "painting") -> str:
    """``name`` in small letters, digits, ``_`` and ``-``: "Café (2).old" is cafe_2_old.

    ``otherwise`` if nothing is left of it.
    """
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9-]+", "_", ascii_only.lower()).strip("_-") or otherwise
