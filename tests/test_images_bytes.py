"""Photos in bytes: what ``load`` and ``save`` share with ``read`` and ``write``, and where they differ."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from made_pictures import LEVEL, LINEAR_GREY, RED_IS_BLUE, bomb, noise, planes, saved, smooth
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from fastnst import images, pixels
from fastnst.errors import ImageError
from fastnst.images import Photo


def assert_same(photo, picture, atol=0.51 / 255):
    """A photo is a picture rounded to bytes."""
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert photo.pixels.flags.writeable
    assert (photo.height, photo.width) == (picture.height, picture.width)
    np.testing.assert_allclose(planes(photo.pixels), picture.rgb, atol=atol)
    assert photo.notes == picture.notes
    assert (photo.alpha is None) == (picture.alpha is None)
    if photo.alpha is not None:
        assert photo.alpha.dtype == np.uint8
        np.testing.assert_allclose(photo.alpha / 255, picture.alpha, atol=atol)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8])
def test_every_mode_and_orientation_is_read_as_read_does(tmp_path, mode, orientation):
    array = noise(channels=1)[..., 0]
    image = (
        Image.fromarray(array.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(noise(channels=4)).convert(mode)
    )
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    suffix = "tif" if mode in ("CMYK", "F") else "png"
    path = saved(tmp_path / f"a.{suffix}", image, exif=exif)
    assert_same(images.load(path), images.read(path))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif", "bmp", "ppm"])
def test_every_format_is_read_as_read_does(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise()))
    assert_same(images.load(path), images.read(path))


@pytest.mark.parametrize("size", [7, 20, 21, 33])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_sizes_are_those_of_read(tmp_path, size, mode):
    upright = images.to_pil(smooth(26, 42))
    image = Image.fromarray(np.asarray(upright.convert("L")).astype(np.uint16) * 257)
    path = saved(tmp_path / "a.png", image if mode == "I;16" else upright.convert(mode))
    # Pillow rounds to bytes between its two passes.
    assert_same(images.load(path, size=size), images.read(path, size=size), atol=2 * LEVEL)


def test_hidden_colours_do_not_bleed(tmp_path):
    array = np.zeros((64, 64, 4), np.uint8)  # hidden: black
    array[16:48, 16:48] = (255, 128, 0, 255)
    path = saved(tmp_path / "a.png", Image.fromarray(array))
    assert_same(images.load(path, size=20), images.read(path, size=20))


def test_a_large_jpeg_is_decoded_reduced(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.jpg", images.to_pil(smooth(603, 801)), quality=95)
    asked = []
    draft = JpegImageFile.draft
    monkeypatch.setattr(
        JpegImageFile, "draft", lambda self, mode, size: (asked.append(size), draft(self, mode, size))[1]
    )
    photo = images.load(path, size=100)
    assert asked == [(200, 150)]
    assert_same(photo, images.read(path, size=100), atol=2 * LEVEL)


@pytest.mark.parametrize("profile", [RED_IS_BLUE, LINEAR_GREY, b"none"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_profiles_are_followed_and_broken_ones_told(tmp_path, profile, mode):
    image = Image.fromarray(noise(channels=4)).convert(mode)
    path = saved(tmp_path / "a.png", image, icc_profile=profile)
    for _ in range(2):  # the second time the profile is known
        assert_same(images.load(path), images.read(path))


def test_a_large_picture_becomes_the_same_array(tmp_path, monkeypatch):
    array = noise(101, 67)
    path = saved(tmp_path / "a.png", Image.fromarray(array))
    monkeypatch.setattr(pixels, "_STRIP", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(images.load(path).pixels, array)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_what_read_refuses_load_refuses_in_the_same_words(tmp_path):
    (tmp_path / "text.jpg").write_text("These are words.")
    small = saved(tmp_path / "small.png", Image.fromarray(noise(9, 20)))
    whole = saved(tmp_path / "whole.jpg", Image.fromarray(noise(64, 64)))
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[:900])
    for path in (
        tmp_path / "none.jpg",
        tmp_path,
        tmp_path / "text.jpg",
        cut,
        small,
        bomb(tmp_path / "b.png", 30_000, 30_000),
    ):
        with pytest.raises(ImageError) as by_read:
            images.read(path, min_side=16)
        with pytest.raises(ImageError) as by_load:
            images.load(path, min_side=16)
        assert str(by_load.value) == str(by_read.value)
    with pytest.raises(ImageError, match="size must be at least 1"):
        images.load(whole, size=0)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_save_writes_what_write_writes(tmp_path, suffix, with_alpha):
    photo = Photo(noise(), noise(channels=1, seed=1)[..., 0] if with_alpha else None)
    alpha = None if photo.alpha is None else photo.alpha.astype(np.float32) / 255
    images.save(tmp_path / f"a.{suffix}", photo, quality=80)
    images.write(tmp_path / f"b.{suffix}", images.Picture(planes(photo.pixels), alpha), quality=80)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_lossless_files_come_back_to_the_bit(tmp_path):
    photo = Photo(noise(), noise(channels=1)[..., 0])
    images.save(tmp_path / "a.png", photo)
    back = images.load(tmp_path / "a.png")
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    np.testing.assert_array_equal(back.alpha, photo.alpha)


def test_jpeg_puts_transparency_on_white_and_says_so(tmp_path, caplog):
    alpha = np.full((16, 16), 255, np.uint8)
    black = np.zeros((16, 16, 3), np.uint8)
    with caplog.at_level(logging.WARNING):
        images.save(tmp_path / "a.jpg", Photo(black, alpha))
        assert caplog.text == ""
        alpha[:, 8:] = 0
        images.save(tmp_path / "a.jpg", Photo(black, alpha))
    assert "put on white" in caplog.text
    back = images.load(tmp_path / "a.jpg").pixels
    assert back[:, :7].max() < 6
    assert back[:, 9:].min() > 249


@pytest.mark.parametrize(("name", "quality", "width", "text"), [
    ("a.xyz", 95, 8, "the suffix .xyz names no format"),
    ("a.jpg", 0, 8, "quality 0: it goes from 1 to 100"),
    ("a.webp", 95, 16_384, "16384x1 px are more than WEBP holds"),
])  # fmt: skip
def test_what_cannot_be_written_is_told(tmp_path, name, quality, width, text):
    with pytest.raises(ImageError, match=text):
        images.save(tmp_path / name, Photo(np.zeros((1, width, 3), np.uint8)), quality=quality)
    assert list(tmp_path.iterdir()) == []


def test_views_are_written_as_they_look(tmp_path):
    array = noise(20, 30)
    images.save(tmp_path / "a.png", Photo(array[::2, ::-1]))
    np.testing.assert_array_equal(images.load(tmp_path / "a.png").pixels, array[::2, ::-1])


def test_threads_decode_large_pictures_side_by_side(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", Image.fromarray(noise()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    meeting = threading.Barrier(2)  # broken, and so an error, if one waits for the other to leave Pillow
    decoded = ImageFile.ImageFile.load

    def load(image):
        if threading.current_thread() not in met:
            met.append(threading.current_thread())
            meeting.wait(timeout=20)
        return decoded(image)

    met = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with ThreadPoolExecutor(2) as threads:
        photos = list(threads.map(images.load, [path, path]))
    assert len(met) == 2
    assert [photo.height for photo in photos] == [13, 13]
    assert Image.MAX_IMAGE_PIXELS == 100
