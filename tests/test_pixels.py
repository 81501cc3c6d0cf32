"""Every mode, depth, orientation and profile that people's files have becomes upright sRGB in [0, 1]."""

import struct

import numpy as np
import pytest
from made_pictures import INKS, LEVEL, LINEAR_GREY, RED_IS_BLUE, SRGB, noise, planes, saved, smooth
from PIL import Image

from fastnst import images
from fastnst.errors import ImageError


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (16, 16), (13, 21), (101, 3)])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm"])
def test_a_lossless_file_is_read_to_the_bit(tmp_path, size, suffix):
    array = noise(*size)
    picture = images.read(saved(tmp_path / f"a.{suffix}", Image.fromarray(array)))
    np.testing.assert_array_equal(picture.rgb, planes(array))
    assert picture.rgb.dtype == np.float32
    assert picture.rgb.flags.c_contiguous
    assert (picture.height, picture.width) == size
    assert picture.alpha is None
    assert picture.notes == ()


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_lossy_formats_are_read_as_pillow_reads_them(tmp_path, suffix):
    if suffix == "avif" and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow has no AVIF")
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise()))
    with Image.open(path) as image:
        np.testing.assert_array_equal(images.read(path).rgb, planes(np.asarray(image.convert("RGB"))))


def test_the_content_tells_the_format_not_the_name(tmp_path):
    path = saved(tmp_path / "photo.jpg", Image.fromarray(noise()), format="PNG")
    np.testing.assert_array_equal(images.read(path).rgb, planes(noise()))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_made_upright(tmp_path, orientation, suffix):
    upright = images.to_pil(smooth(24, 40))
    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each orientation
    stored = upright.transpose(Image.Transpose(ways[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"a.{suffix}", stored, exif=exif, quality=100)
    for size, shape in ((None, (24, 40)), (20, (12, 20))):
        picture = images.read(path, size=size)
        assert (picture.height, picture.width) == shape
        expected = images.resize(smooth(24, 40), *shape)
        assert np.abs(picture.rgb - expected).mean() < 0.02


def test_alpha_is_turned_with_the_colours(tmp_path):
    array = noise(6, 9, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array), exif=exif))
    np.testing.assert_array_equal(picture.alpha, np.rot90(array[..., 3], -1).astype(np.float32) / 255)
    np.testing.assert_array_equal(picture.rgb, planes(np.rot90(array[..., :3], -1)))


def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(noise()), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff")
    assert images.read(path).rgb.shape == (3, 13, 21)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = noise(channels=1)[..., 0]
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(picture.rgb, np.broadcast_to(grey.astype(np.float32) / 255, (3, 13, 21)))
    assert picture.rgb.flags.writeable


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pbm"])
def test_one_bit_is_black_and_white(tmp_path, suffix):
    bits = noise(channels=1)[..., 0] > 127
    picture = images.read(saved(tmp_path / f"a.{suffix}", Image.fromarray(bits)))
    np.testing.assert_array_equal(picture.rgb[1], bits.astype(np.float32))


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_keeps_its_depth(tmp_path, suffix):
    grey = np.linspace(0, 65535, 13 * 21).astype(np.uint16).reshape(13, 21)
    picture = images.read(saved(tmp_path / f"a.{suffix}", Image.fromarray(grey)))
    np.testing.assert_allclose(picture.rgb[2], grey / 65535, atol=1e-6)
    assert len(np.unique(picture.rgb[0])) > 256


def retag(path, tag, value):
    """Change the value of a tag, a short, in a TIFF as Pillow writes it."""
    data = bytearray(path.read_bytes())
    start = data.index(struct.pack("<HHI", tag, 3, 1))
    data[start + 8 : start + 10] = struct.pack("<H", value)
    path.write_bytes(data)


@pytest.mark.parametrize(("sample_format", "full"), [(2, 2**31 - 1), (1, 2**32 - 1)])
def test_thirty_two_bit_grey_is_scaled_by_its_own_range(tmp_path, sample_format, full):
    values = np.array([[0, 1 << 29, 1 << 30, (1 << 31) - 1]], np.int32)
    path = saved(tmp_path / "a.tif", Image.fromarray(values))
    retag(path, 339, sample_format)
    np.testing.assert_allclose(images.read(path).rgb[0], values / full, atol=1e-6)


@pytest.mark.parametrize(("peak", "full", "bits"), [(1, 255, 8), (200, 255, 8), (256, 65535, 16)])
def test_small_thirty_two_bit_integers_are_taken_for_fewer_bits_and_said_so(tmp_path, peak, full, bits):
    values = np.array([[0, peak // 2, peak]], np.int32)
    picture = images.read(saved(tmp_path / "a.tif", Image.fromarray(values)))
    np.testing.assert_allclose(picture.rgb[0], values / full, atol=1e-6)
    assert picture.notes == (f"32-bit integers, {peak} at the most: taken for {bits}-bit values",)


def test_a_sound_tiff_that_pillow_cannot_read_is_not_called_damaged(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.zeros((8, 8), np.int32)))
    retag(path, 339, 6)  # SampleFormat: complex floats
    with pytest.raises(
        ImageError, match=r"cannot read the kind of pixels in .*a\.tif: save it as 8 or 16 bits"
    ):
        images.read(path)


def test_sixteen_bit_grey_where_white_is_zero_is_inverted(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([[0, 65535]], np.uint16)))
    retag(path, 262, 0)
    np.testing.assert_array_equal(images.read(path).rgb[0], [[1, 0]])


@pytest.mark.parametrize("scale", [1, 255, 65535])
def test_float_tiffs_are_read_in_the_scale_they_use(tmp_path, scale):
    grey = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    path = saved(tmp_path / "a.tif", Image.fromarray(grey * np.float32(scale)))
    np.testing.assert_allclose(images.read(path).rgb[0], grey, atol=1e-6)


def test_float_overshoot_is_clipped_not_rescaled(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([[-0.1, 0.5, 1.1]], np.float32)))
    np.testing.assert_allclose(images.read(path).rgb[0], [[0, 0.5, 1]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_float_tiff_with_nan_is_refused(tmp_path, bad):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([[0, bad]], np.float32)))
    with pytest.raises(ImageError, match=r"a\.tif is damaged: it holds NaN or infinite values"):
        images.read(path)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_is_kept_apart_and_colours_stay_as_they_are(tmp_path, suffix):
    array = noise(channels=4)
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    picture = images.read(saved(tmp_path / f"a.{suffix}", Image.fromarray(array), **options))
    np.testing.assert_array_equal(picture.rgb, planes(array[..., :3]))
    np.testing.assert_array_equal(picture.alpha, array[..., 3].astype(np.float32) / 255)


def test_grey_with_alpha(tmp_path):
    array = noise(channels=2)
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array)))
    np.testing.assert_array_equal(picture.rgb[2], array[..., 0].astype(np.float32) / 255)
    np.testing.assert_array_equal(picture.alpha, array[..., 1].astype(np.float32) / 255)


def paletted():
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return image


@pytest.mark.parametrize(
    ("suffix", "transparency", "alpha"),
    [
        ("png", None, None),
        ("gif", None, None),
        ("bmp", None, None),
        ("png", 1, [1, 0, 1]),
        ("gif", 1, [1, 0, 1]),
        ("png", bytes([51, 255, 0]), [0.2, 1, 0]),
    ],
)
def test_palettes_with_and_without_transparency(tmp_path, suffix, transparency, alpha):
    options = {} if transparency is None else {"transparency": transparency}
    picture = images.read(saved(tmp_path / f"a.{suffix}", paletted(), **options))
    np.testing.assert_array_equal(picture.rgb[:, 0], np.eye(3))
    if alpha is None:
        assert picture.alpha is None
    else:
        np.testing.assert_allclose(picture.alpha, [alpha])


@pytest.mark.parametrize(
    ("array", "key"),
    [
        (np.array([[7, 8]], np.uint8), 7),
        (np.array([[700, 8]], np.uint16), 700),
        (np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8), (1, 2, 3)),
    ],
)
def test_a_transparent_colour_becomes_alpha(tmp_path, array, key):
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array), transparency=key))
    np.testing.assert_array_equal(picture.alpha, [[0, 1]])


def test_cmyk_without_profile_is_read_and_said_to_be_approximate(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=100)
    picture = images.read(path)
    np.testing.assert_allclose(picture.rgb[:, 8, 8], [0, 1, 1], atol=0.02)
    assert picture.notes == ("CMYK without a usable colour profile: its colours are approximate",)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_with_a_profile_follows_it(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.new("CMYK", (16, 16), (255, 0, 0, 0)), icc_profile=INKS)
    picture = images.read(path)
    red, green, blue = picture.rgb[:, 8, 8]
    assert green > blue + 0.05 > red + 0.2  # Pillow's own rule would make green and blue equal, and 1
    assert green < 0.7
    assert picture.notes == ()


def test_lab_and_ycbcr_become_srgb(tmp_path):
    lab = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (255, 128, 128)])
    np.testing.assert_allclose(images.read(saved(tmp_path / "a.tif", lab)).rgb, 1, atol=0.02)
    reddish = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (138, 128 + 81, 128 + 70)])
    red, green, blue = images.read(saved(tmp_path / "b.tif", reddish)).rgb[:, 0, 0]
    assert red > 0.9
    assert max(green, blue) < 0.15
    ycbcr = Image.fromarray(noise()).convert("YCbCr")
    expected = planes(np.asarray(ycbcr.convert("RGB")))
    np.testing.assert_array_equal(images.read(saved(tmp_path / "c.tif", ycbcr)).rgb, expected)


def test_a_profile_is_converted_to_srgb(tmp_path):
    array = np.zeros((4, 4, 3), np.uint8)
    array[..., 0] = 200
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array), icc_profile=RED_IS_BLUE))
    np.testing.assert_allclose(picture.rgb[:, 0, 0], [0, 0, 200 / 255], atol=LEVEL)
    assert picture.notes == ()


def test_a_profile_leaves_alpha_alone(tmp_path):
    array = noise(channels=4)
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array), icc_profile=RED_IS_BLUE))
    np.testing.assert_array_equal(picture.alpha, array[..., 3].astype(np.float32) / 255)
    assert np.abs(picture.rgb - planes(array[..., 2::-1])).mean() < 0.01


def test_srgb_by_any_name_changes_no_value(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(noise()), icc_profile=SRGB)
    np.testing.assert_array_equal(images.read(path).rgb, planes(noise()))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_grey_profile_is_followed_at_every_depth(tmp_path, depth):
    top = np.iinfo(depth).max
    grey = np.linspace(0, top, 64).astype(depth)[None]
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(grey), icc_profile=LINEAR_GREY))
    light = grey / top
    expected = np.where(light < 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(picture.rgb[1], expected, atol=2 * LEVEL)
    assert picture.notes == ()


@pytest.mark.parametrize(
    ("profile", "note"),
    [
        (b"no profile at all", "its colour profile is broken and was ignored"),
        (SRGB[:200], "its colour profile is broken and was ignored"),
        (LINEAR_GREY, "its colour profile is for GRAY and was ignored"),
        (INKS, "its colour profile is for CMYK and was ignored"),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_profile_of_no_use_is_ignored_and_said_so(tmp_path, profile, note, suffix):
    with_profile = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise()), icc_profile=profile)
    without = saved(tmp_path / f"b.{suffix}", Image.fromarray(noise()))
    picture = images.read(with_profile)
    np.testing.assert_array_equal(picture.rgb, images.read(without).rgb)
    assert picture.notes == (note,)


def test_a_grey_photo_may_carry_an_rgb_profile(tmp_path):
    grey = noise(channels=1)[..., 0]
    picture = images.read(saved(tmp_path / "a.jpg", Image.fromarray(grey), icc_profile=SRGB))
    np.testing.assert_allclose(picture.rgb[0], picture.rgb[2], atol=LEVEL)
    assert picture.notes == ()
