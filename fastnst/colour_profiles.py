"""Colours of files into sRGB, after the colour profile (ICC) that a file carries."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SPACES = {
    "L": "GRAY",
    "RGB": "RGB",
    "CMYK": "CMYK",
    "LAB": "Lab",
}  # Pillow's mode: the profile's colour space


def to_srgb(colour: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """An L, RGB, CMYK or LAB image in sRGB.

    Args:
        colour: the image, 8 bits a channel.
        profile: as the file holds it; None takes a LAB image for plain CIELAB.
        notes: why a profile was of no use is appended here; the image is then returned as it came.
    """
    try:
        mode, transform = _transform(profile, colour.mode)
        if isinstance(transform, str):
            notes.append(f"its colour profile is for {transform} and was ignored")
            return colour
        colour = colour if colour.mode == mode else colour.convert(mode)
        return colour if transform is None else transform.apply(colour)
    except Exception:  # Pillow and LittleCMS fail in many ways, and none is worth the picture
        notes.append("its colour profile is broken and was ignored")
        return colour


def grey_curve(profile: bytes, notes: list[str]) -> NDArray[np.uint8] | None:
    """The sRGB colour (256, 3) of each level of grey; greys too deep for Pillow lie between them."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    colours = to_srgb(ramp, profile, notes)
    return None if colours is ramp else np.asarray(colours.convert("RGB"))[0]


@lru_cache(maxsize=32)  # photos of one folder share their profiles, and a transform takes 3 ms to build
def _transform(profile: bytes | None, mode: str) -> tuple[str, Any]:
    """The mode that a profile works on, and what brings an image of it to sRGB.

    Returns:
        With the mode a LittleCMS transform; None where it would change nothing; or the name of the colour
        space, if that is not the mode's.
    """
    from PIL import ImageCms

    lab = ImageCms.createProfile("LAB") if profile is None else None
    source = ImageCms.ImageCmsProfile(lab or io.BytesIO(profile or b""))
    space = source.profile.xcolor_space.strip()
    if mode == "L" and space == "RGB":
        mode = "RGB"
    if space != _SPACES[mode]:
        return mode, space
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        # NOOPTIMIZE: LittleCMS's short cut for grey is several levels off in the shadows
        ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0),
    )
    return mode, (None if mode == "RGB" and _changes_nothing(transform) else transform)


def _changes_nothing(transform: Any) -> bool:
    """Whether a transform of RGB moves no colour by more than a level: the profile is sRGB by some name."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, levels.size, 3)
    moved = np.asarray(transform.apply(Image.fromarray(cube))).astype(int) - cube
    return bool(np.abs(moved).max() <= 1)
