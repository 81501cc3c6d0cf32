"""From a Pillow image of any mode, depth and profile to float planes in [0, 1], and from floats to bytes.

Everything is float from the first scaling on; only colour profiles, which Pillow applies to 8 bits, are not.
"""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

UPRIGHT: dict[int, Callable[[Floats], Floats]] = {  # EXIF orientation: what makes (..., H, W) upright
    2: lambda a: a[..., ::-1],
    3: lambda a: a[..., ::-1, ::-1],
    4: lambda a: a[..., ::-1, :],
    5: lambda a: a.swapaxes(-1, -2),
    6: lambda a: np.rot90(a, -1, axes=(-2, -1)),
    7: lambda a: a[..., ::-1, ::-1].swapaxes(-1, -2),
    8: lambda a: np.rot90(a, 1, axes=(-2, -1)),
}
_PROFILE_OF = {
    "L": "GRAY",
    "RGB": "RGB",
    "CMYK": "CMYK",
    "LAB": "Lab",
}  # Pillow's mode: the profile's colour space
_alone = threading.Lock()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Pillow without its limit and its warnings, which are the process's, so one thread at a time.

    fastnst measures pictures by a limit of its own, and damaged metadata is no news to who wants the pixels.
    """
    with _alone, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def fitted(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """(width, height) scaled so that the longer side is ``longer`` px; the other is at least 1."""
    width, height = size
    scale = longer / max(size)
    return (
        longer if width >= height else max(1, int(width * scale + 0.5)),
        longer if height >= width else max(1, int(height * scale + 0.5)),
    )


def decode(image: Image.Image, size: int | None, notes: list[str]) -> tuple[Floats, Floats | None]:
    """Colours (3, H, W) and transparency (H, W) or None, upright, in sRGB.

    Args:
        image: a Pillow image, decoded or not; a JPEG file is decoded at a reduced size where that is enough.
        size: the longer side, px; None keeps the image's.
        notes: what a person should know of the picture is appended here.
    """
    whole, box = image.size, None
    if size is not None and image.format in ("JPEG", "MPO"):
        width, height = fitted(whole, size)
        if drafted := image.draft(
            None, (2 * width, 2 * height)
        ):  # twice as large: the last half is left to Lanczos
            box = drafted[1]
    large = whole[0] * whole[1] > (Image.MAX_IMAGE_PIXELS or whole[0] * whole[1])
    with quiet_pillow() if large else nullcontext():
        image.load()
    width, height = image.size if size is None else fitted(whole if box else image.size, size)
    planes, alpha = _planes(image, notes)
    rgb = np.empty((3, height, width), np.float32)
    clear = None if alpha is None else resample(alpha, height, width)
    for channel in range(3 if planes.shape[2] == 3 else 1):
        plane = planes[..., channel]
        rgb[channel] = resample(plane, height, width, box)
        if alpha is not None and clear is not None and alpha.shape != clear.shape:
            # Weighted by alpha, or the unseen colours of transparent pixels would bleed into the edges.
            seen = resample(_unit(plane) * alpha, height, width)
            np.divide(seen, clear, out=rgb[channel], where=clear > 1 / 255)
    if planes.shape[2] == 1:
        rgb[1:] = rgb[0]
    np.clip(rgb, 0, 1, out=rgb)
    if turn := UPRIGHT.get(_orientation(image)):
        rgb = np.ascontiguousarray(turn(rgb))
        clear = None if clear is None else np.ascontiguousarray(turn(clear))
    return rgb, clear


def resample(
    plane: NDArray[Any], height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> Floats:
    """One plane (H, W), bytes or floats in [0, 1], at another size: Lanczos to reduce, bicubic to enlarge.

    Args:
        plane: what to resample; it is antialiased in float, without rounding to 8 bits.
        height: rows wanted.
        width: columns wanted.
        box: the part of the plane to take (left, upper, right, lower), px; all of it by default.
    """
    values = _unit(plane)
    if values.shape == (height, width):
        return values
    reduces = height * width < values.size
    method = Image.Resampling.LANCZOS if reduces else Image.Resampling.BICUBIC
    resized = Image.fromarray(values).resize((width, height), method, box=box)
    clipped: Floats = np.clip(np.asarray(resized), 0, 1)
    return clipped


def to_bytes(values: Floats) -> NDArray[np.uint8]:
    """Values clipped to [0, 1] and rounded to the nearest of 256 levels."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _unit(plane: NDArray[Any]) -> Floats:
    """A new contiguous float plane in [0, 1]."""
    values = np.array(plane, np.float32, order="C")
    if plane.dtype == np.uint8:
        values /= 255
    return values


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation still to be applied (Pillow turns TIFFs itself); 1 when it cannot be read."""
    try:
        with quiet_pillow():
            return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged metadata must not cost the picture
        return 1


def _planes(image: Image.Image, notes: list[str]) -> tuple[NDArray[Any], Floats | None]:
    """Planes (H, W, 1 or 3), bytes or floats in [0, 1], in sRGB; and alpha (H, W) in [0, 1]."""
    profile = image.info.get("icc_profile")
    if image.mode[0] in "IF":
        return _deep_grey(image, profile, notes)
    alpha = None
    base = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.mode in ("CMYK", "LAB"):
        base = image.mode
    elif image.has_transparency_data:
        image = image.convert("LA" if base == "L" else "RGBA")
        alpha = _unit(np.asarray(image.getchannel("A")))
    colour = image if image.mode == base else image.convert(base)  # from LA and RGBA: colours as they are
    if profile and base == "L":
        curve = _grey_curve(profile, notes)
        return (np.asarray(colour)[..., None] if curve is None else curve[np.asarray(colour)]), alpha
    if profile:
        colour = _to_srgb(colour, profile, notes)
    if colour.mode == "LAB":
        colour = _to_srgb(colour, None, notes)
    if colour.mode == "LAB":
        colour = colour.getchannel("L")  # a Pillow without LittleCMS
    elif colour.mode == "CMYK":
        notes.append("CMYK without a usable colour profile: its colours are approximate")
        colour = colour.convert("RGB")
    planes = np.asarray(colour)
    return planes.reshape(*planes.shape[:2], -1), alpha


def _deep_grey(image: Image.Image, profile: bytes | None, notes: list[str]) -> tuple[Floats, Floats | None]:
    """Planes and alpha of grey stored as 12, 16 or 32-bit integers or as floats."""
    stored = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})  # of a TIFF
    if image.mode == "F":
        if not np.isfinite(stored).all():
            raise ValueError("it holds NaN or infinite values")
        peak = float(stored.max())
        # No file says its scale. A little above 1 is overshoot; far above, 8 or 16-bit values kept as floats.
        full = next((full for full, most in ((1, 2), (255, 255), (65535, 65535)) if peak <= most), peak)
        values = stored.astype(np.float64) / full
    else:
        signed = tags.get(339, (1,))[0] == 2  # SampleFormat
        bits = tags.get(258, (16,))[0]  # BitsPerSample; every other format scales to 16
        if bits == 32 and not signed:
            stored = stored.view(np.uint32)
        values = stored.astype(np.float64) / (2 ** (bits - signed) - 1)
        if tags.get(262) == 0:  # PhotometricInterpretation: white is zero
            values = 1 - values
    values = np.clip(values, 0, 1)
    key = image.info.get("transparency")
    alpha = (stored != key).astype(np.float32) if isinstance(key, int) else None
    grey: Floats = values.astype(np.float32)[..., None]
    if profile and (curve := _grey_curve(profile, notes)) is not None:
        levels = np.linspace(0, 1, 256)
        channels = [np.interp(values, levels, channel / 255) for channel in curve.T]
        grey = np.stack(channels, -1).astype(np.float32)
    return grey, alpha


def _grey_curve(profile: bytes, notes: list[str]) -> NDArray[np.uint8] | None:
    """The sRGB colour (256, 3) of each level of grey; greys too deep for Pillow lie between them."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    colours = _to_srgb(ramp, profile, notes)
    return None if colours is ramp else np.asarray(colours.convert("RGB"))[0]


def _to_srgb(colour: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """An L, RGB, CMYK or LAB image in sRGB; returned as it came, with a note, if the profile is of no use."""
    try:
        from PIL import ImageCms

        lab = ImageCms.createProfile("LAB") if profile is None else None
        source = ImageCms.ImageCmsProfile(lab or io.BytesIO(profile or b""))
        space = source.profile.xcolor_space.strip()
        if colour.mode == "L" and space == "RGB":
            colour = colour.convert("RGB")
        if space != _PROFILE_OF[colour.mode]:
            notes.append(f"its colour profile is for {space} and was ignored")
            return colour
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            colour.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # NOOPTIMIZE: LittleCMS's short cut for grey is several levels off in the shadows
            ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if colour.mode == "L" else 0),
        )
        if colour.mode == "RGB" and _changes_nothing(transform):
            return colour
        return transform.apply(colour)
    except Exception:  # Pillow and LittleCMS fail in many ways, and none is worth the picture
        notes.append("its colour profile is broken and was ignored")
        return colour


def _changes_nothing(transform: Any) -> bool:
    """Whether a transform of RGB moves no colour by more than a level: the profile is sRGB by some name."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, levels.size, 3)
    moved = np.asarray(transform.apply(Image.fromarray(cube))).astype(int) - cube
    return bool(np.abs(moved).max() <= 1)
