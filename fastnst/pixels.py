"""From a Pillow image of any mode, depth and profile to floats in [0, 1] or bytes, and from floats to bytes.

In floats everything is float from the first scaling on, but for colour profiles: they are applied to bytes.
In bytes only what bytes would harm is: depths above 8 bits, and colours that are scaled beside transparency.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastnst.colour_profiles import grey_curve, to_srgb

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

LUMA = (0.299, 0.587, 0.114)  # the Y of YIQ, of R, G and B

UPRIGHT = {  # EXIF orientation: what makes an image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_alone = threading.Lock()
_counting = threading.Lock()
_inside = 0  # threads in _unlimited
_limit: int | None = None  # what they found and will restore
_STRIP = 1 << 22  # px: larger images become arrays in strips of this size


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Pillow without its limit and its warnings, which are the process's; for what takes no time.

    fastnst measures pictures by a limit of its own, and damaged metadata is no news to who wants the pixels.
    """
    with _alone, warnings.catch_warnings(), _unlimited():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _unlimited() -> Iterator[None]:
    """Pillow without its limit until the last of the threads that are here has left."""
    global _inside, _limit
    with _counting:
        if _inside == 0:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _inside += 1
    try:
        yield
    finally:
        with _counting:
            _inside -= 1
            if _inside == 0:
                Image.MAX_IMAGE_PIXELS = _limit


def fitted(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """(width, height) scaled so that the longer side is ``longer`` px; the other is at least 1."""
    width, height = size
    scale = longer / max(size)
    return (
        longer if width >= height else max(1, int(width * scale + 0.5)),
        longer if height >= width else max(1, int(height * scale + 0.5)),
    )


def decode(image: Image.Image, size: int | None, notes: list[str]) -> tuple[Floats, Floats | None]:
    """Colours (3, H, W) and transparency (H, W) or None, upright, in sRGB, floats in [0, 1].

    Args:
        image: a Pillow image, decoded or not; a JPEG file is decoded at a reduced size where that is enough.
        size: the longer side, px; None keeps the image's.
        notes: what a person should know of the picture is appended here.
    """
    wanted, box = _loaded(image, size)
    return _floats(image, wanted, box, notes)


def decode_bytes(image: Image.Image, size: int | None, notes: list[str]) -> tuple[Bytes, Bytes | None]:
    """Colours (H, W, 3) and transparency (H, W) or None, upright, in sRGB: ``decode``, where bytes will do.

    Args:
        image: see ``decode``.
        size: see ``decode``.
        notes: see ``decode``.
    """
    wanted, box = _loaded(image, size)
    scaled = box is not None or wanted != image.size
    if image.mode[0] in "IF" or (scaled and image.has_transparency_data):
        rgb, clear = _floats(image, wanted, box, notes)
        return packed(rgb), None if clear is None else to_bytes(clear)
    colour, alpha = _colours(image, notes)
    if scaled:
        colour = colour.resize(wanted, _method(colour.size, wanted), box=box)
    if (turn := UPRIGHT.get(_orientation(image))) is not None:
        colour = colour.transpose(turn)
        alpha = None if alpha is None else alpha.transpose(turn)
    colour = colour if colour.mode == "RGB" else colour.convert("RGB")
    return _array(colour), None if alpha is None else np.array(alpha)


def _loaded(
    image: Image.Image, size: int | None
) -> tuple[tuple[int, int], tuple[float, float, float, float] | None]:
    """Decode an image; the (width, height) it shall have, and the part of it to take where not all of it."""
    whole, box = image.size, None
    if size is not None and image.format in ("JPEG", "MPO"):
        width, height = fitted(whole, size)
        # Twice as large: the last half is left to Lanczos.
        if drafted := image.draft(None, (2 * width, 2 * height)):
            box = drafted[1]
    large = whole[0] * whole[1] > (Image.MAX_IMAGE_PIXELS or whole[0] * whole[1])
    with _unlimited() if large else nullcontext():
        image.load()
    return image.size if size is None else fitted(whole if box else image.size, size), box


def _floats(
    image: Image.Image,
    wanted: tuple[int, int],
    box: tuple[float, float, float, float] | None,
    notes: list[str],
) -> tuple[Floats, Floats | None]:
    """``decode`` of an image that is loaded."""
    width, height = wanted
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
    if (turn := UPRIGHT.get(_orientation(image))) is not None:
        rgb = np.stack([np.asarray(Image.fromarray(plane).transpose(turn)) for plane in rgb])
        clear = None if clear is None else np.array(Image.fromarray(clear).transpose(turn))
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
    method = _method((values.shape[1], values.shape[0]), (width, height))
    resized = Image.fromarray(values).resize((width, height), method, box=box)
    clipped: Floats = np.clip(np.asarray(resized), 0, 1)
    return clipped


def _method(size: tuple[int, int], wanted: tuple[int, int]) -> Image.Resampling:
    reduces = wanted[0] * wanted[1] < size[0] * size[1]
    return Image.Resampling.LANCZOS if reduces else Image.Resampling.BICUBIC


def to_bytes(values: Floats) -> Bytes:
    """Values clipped to [0, 1] and rounded to the nearest of 256 levels."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def packed(rgb: Floats) -> Bytes:
    """RGB (3, H, W) in [0, 1] as bytes (H, W, 3), as files and Pillow have them."""
    return np.ascontiguousarray(to_bytes(rgb).transpose(1, 2, 0))


def unpacked(pixels: Bytes) -> Floats:
    """Bytes (H, W, 3) as RGB (3, H, W) in [0, 1]: the way back from ``packed``."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(255)


def _array(image: Image.Image) -> Bytes:
    """Bytes (H, W, 3) of an RGB image; of a large one without Pillow's two copies on the way."""
    width, height = image.size
    if width * height <= _STRIP:
        return np.array(image)  # a copy, since what Pillow gives cannot be written to
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)
    with _unlimited():
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


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
    if image.mode[0] in "IF":
        return _deep_grey(image, image.info.get("icc_profile"), notes)
    colour, alpha = _colours(image, notes)
    planes = np.asarray(colour)
    return planes.reshape(*planes.shape[:2], -1), None if alpha is None else _unit(np.asarray(alpha))


def _colours(image: Image.Image, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """An L or RGB image in sRGB, and its alpha, of an image with 8 bits a channel."""
    profile = image.info.get("icc_profile")
    alpha = None
    base = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.mode in ("CMYK", "LAB"):
        base = image.mode
    elif image.has_transparency_data:
        image = image.convert("LA" if base == "L" else "RGBA")
        alpha = image.getchannel("A")
    colour = image if image.mode == base else image.convert(base)  # from LA and RGBA: colours as they are
    if profile and base == "L":
        curve = grey_curve(profile, notes)
        return (colour if curve is None else Image.fromarray(curve[np.asarray(colour)])), alpha
    if profile:
        colour = to_srgb(colour, profile, notes)
    if colour.mode == "LAB":
        colour = to_srgb(colour, None, notes)
    if colour.mode == "LAB":
        colour = colour.getchannel("L")  # a Pillow without LittleCMS
    elif colour.mode == "CMYK":
        notes.append("CMYK without a usable colour profile: its colours are approximate")
        colour = colour.convert("RGB")
    return colour, alpha


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
        full, peak = 2 ** (bits - signed) - 1, int(stored.max())
        if bits == 32 and 0 < peak <= 65535:  # as ImageJ and NumPy keep counts
            full = 255 if peak <= 255 else 65535
            notes.append(f"32-bit integers, {peak} at the most: taken for {full.bit_length()}-bit values")
        values = stored.astype(np.float64) / full
        if tags.get(262) == 0:  # PhotometricInterpretation: white is zero
            values = 1 - values
    values = np.clip(values, 0, 1)
    key = image.info.get("transparency")
    alpha = (stored != key).astype(np.float32) if isinstance(key, int) else None
    grey: Floats = values.astype(np.float32)[..., None]
    if profile and (curve := grey_curve(profile, notes)) is not None:
        levels = np.linspace(0, 1, 256)
        channels = [np.interp(values, levels, channel / 255) for channel in curve.T]
        grey = np.stack(channels, -1).astype(np.float32)
    return grey, alpha
