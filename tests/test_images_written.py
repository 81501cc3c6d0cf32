"""Writing picture files, Pillow images in memory, and the files a person means."""

import io
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_pictures import AS_ROOT, LEVEL, SRGB, noise, planes, saved, smooth
from PIL import Image

from fastnst import images, inputs
from fastnst.errors import FastNSTError, ImageError


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "PNG"])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_files_come_back_to_the_bit(tmp_path, suffix, channels):
    array = noise(channels=channels)
    alpha = array[..., 3].astype(np.float32) / 255 if channels == 4 else None
    images.write(tmp_path / f"a.{suffix}", images.Picture(planes(array[..., :3]), alpha))
    back = images.read(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(back.rgb, planes(array[..., :3]))
    if alpha is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, alpha)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp"])
def test_lossy_files_come_back_close(tmp_path, suffix):
    rgb = smooth(37, 53)
    images.write(tmp_path / f"a.{suffix}", rgb)
    assert np.abs(images.read(tmp_path / f"a.{suffix}").rgb - rgb).mean() < 0.01


def test_webp_keeps_alpha(tmp_path):
    alpha = smooth(20, 30)[0]
    images.write(tmp_path / "a.webp", images.Picture(smooth(20, 30), alpha))
    np.testing.assert_allclose(images.read(tmp_path / "a.webp").alpha, alpha, atol=2 * LEVEL)


def test_jpeg_is_written_at_95_without_chroma_subsampling(tmp_path):
    images.write(tmp_path / "a.jpg", smooth(16, 16))
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=95)
    with Image.open(tmp_path / "a.jpg") as image, Image.open(buffer) as reference:
        assert [(h, v) for _, h, v, _ in image.layer] == [(1, 1)] * 3
        assert image.quantization == reference.quantization


def test_jpeg_puts_transparency_on_white_and_says_so(tmp_path, caplog):
    alpha = np.ones((16, 16), np.float32)
    with caplog.at_level(logging.WARNING):
        images.write(tmp_path / "opaque.jpg", images.Picture(np.zeros((3, 16, 16), np.float32), alpha))
    assert caplog.text == ""
    alpha[:, 8:] = 0
    images.write(tmp_path / "a.jpg", images.Picture(np.zeros((3, 16, 16), np.float32), alpha))
    assert "put on white" in caplog.text
    back = images.read(tmp_path / "a.jpg").rgb
    np.testing.assert_allclose(back[:, :, :7], 0, atol=0.02)
    np.testing.assert_allclose(back[:, :, 9:], 1, atol=0.02)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_nothing_private_is_written(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    source = saved(
        tmp_path / "source.jpg", Image.fromarray(noise()), exif=exif, icc_profile=SRGB, comment="SecretPlace"
    )
    images.write(tmp_path / f"a.{suffix}", images.read(source))
    data = (tmp_path / f"a.{suffix}").read_bytes()
    assert b"Secret" not in data
    assert str(tmp_path).encode() not in data


def test_values_are_clipped_and_rounded_to_the_nearest_level():
    rgb = np.array([-1, 0, 0.4 / 255, 0.6 / 255, 1, 2], np.float32).reshape(1, 1, 6).repeat(3, 0)
    np.testing.assert_array_equal(np.asarray(images.to_pil(rgb))[0, :, 1], [0, 0, 0, 1, 255, 255])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_never_written(tmp_path, bad):
    rgb = smooth(8, 8)
    rgb[1, 2, 3] = bad
    with pytest.raises(ImageError, match=r"cannot write .*a\.png: the picture holds NaN"):
        images.write(tmp_path / "a.png", rgb)
    with pytest.raises(ImageError, match="NaN"):
        images.write(tmp_path / "a.jpg", images.Picture(smooth(8, 8), rgb[1]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "text"), [
    ("a.xyz", "the suffix .xyz names no format; .jpg, .jpeg, .png, .webp, .tif, .tiff do"),
    ("a", "a name without suffix names no format"),
    ("a.gif", "the suffix .gif"),
])  # fmt: skip
def test_an_unknown_suffix_lists_what_works(tmp_path, name, text):
    with pytest.raises(ImageError) as caught:
        images.write(tmp_path / name, smooth(8, 8))
    assert text in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "width"), [("webp", 16_384), ("jpg", 65_501)])
def test_a_picture_too_long_for_its_format_is_told_which_can(tmp_path, suffix, width):
    with pytest.raises(ImageError, match=rf"{width}x1 px are more than \w+ holds; \.png and \.tif can"):
        images.write(tmp_path / f"a.{suffix}", np.zeros((3, 1, width), np.float32))
    images.write(tmp_path / f"b.{suffix}", np.zeros((3, 1, width - 1), np.float32))


def test_an_impossible_quality_is_refused(tmp_path):
    with pytest.raises(ImageError, match="quality 101: it goes from 1 to 100"):
        images.write(tmp_path / "a.jpg", smooth(8, 8), quality=101)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("no\nencoder"), KeyboardInterrupt()]
)
def test_a_write_that_fails_leaves_the_old_picture_and_no_temporary_file(tmp_path, monkeypatch, error):
    images.write(tmp_path / "a.png", smooth(8, 8))
    before = (tmp_path / "a.png").read_bytes()

    def fail(self, path, *arguments, **options):
        Path(path).write_bytes(before[:20])
        raise error

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else FastNSTError) as caught:
        images.write(tmp_path / "a.png", smooth(9, 9))
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a.png").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FastNSTError, match=r"cannot write .*a\.png: Permission denied"):
            images.write(tmp_path / "a.png", smooth(8, 8))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    "mode",
    [
        "1",
        "L",
        "LA",
        "La",
        "P",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "HSV",
        "LAB",
        "I",
        "F",
        "I;16",
    ],
)
def test_every_mode_of_pillow_becomes_rgb(mode):
    if mode in ("I", "F", "I;16"):
        image = Image.new(mode, (5, 4), 1)
    elif mode in ("La", "RGBa"):
        image = Image.new(mode.upper(), (5, 4)).convert(mode)
    else:
        image = Image.new(mode, (5, 4))
    rgb = images.from_pil(image)
    assert rgb.shape == (3, 4, 5)
    assert rgb.dtype == np.float32
    assert 0 <= rgb.min() <= rgb.max() <= 1


def test_pillow_and_back_changes_nothing():
    rgb = planes(noise())
    np.testing.assert_array_equal(images.from_pil(images.to_pil(rgb)), rgb)


def test_a_damaged_pillow_image_is_an_image_error():
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(buffer, "JPEG")
    with (
        Image.open(io.BytesIO(buffer.getvalue()[:900])) as image,
        pytest.raises(ImageError, match="a picture is damaged"),
    ):
        images.from_pil(image)


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "img10.jpg",
        "img2.jpg",
        "IMG1.JPG",
        "notes.txt",
        ".hidden.jpg",
        "._img2.jpg",
        ".git/a.jpg",
        "trip/b.png",
        "trip/2/c.webp",
        "trip/10/d.tif",
        "none/x.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_gives_all_pictures_below_it_in_natural_order(album):
    assert [str(path) for path in inputs.expand(["."])] == [
        "IMG1.JPG", "img2.jpg", "img10.jpg", "trip/2/c.webp", "trip/10/d.tif", "trip/b.png",
    ]  # fmt: skip


def test_globs_are_expanded_and_know_folders(album):
    assert [path.name for path in inputs.expand(["img*.jpg"])] == ["img2.jpg", "img10.jpg"]
    assert [path.name for path in inputs.expand(["trip/**/*.webp"])] == ["c.webp"]
    assert [path.name for path in inputs.expand([str(album / "tr*")])] == ["c.webp", "d.tif", "b.png"]
    assert [path.name for path in inputs.expand(["*"])] == [path.name for path in inputs.expand(["."])]


def test_order_of_the_inputs_is_kept_and_nothing_comes_twice(album):
    found = inputs.expand(["trip/b.png", "img2.jpg", "./trip/b.png", album / "img2.jpg", "trip"])
    assert [path.name for path in found] == ["b.png", "img2.jpg", "c.webp", "d.tif"]


def test_a_file_named_outright_is_kept_whatever_its_name(album):
    (album / "a[1].jpg").touch()
    assert inputs.expand(["notes.txt", ".hidden.jpg", "a[1].jpg"]) == [
        Path("notes.txt"),
        Path(".hidden.jpg"),
        Path("a[1].jpg"),
    ]


@pytest.mark.parametrize(("given", "text"), [
    ("missing.jpg", "there is no file or folder missing.jpg"),
    ("none", "there is no picture in none (looked for .apng, .avif, "),
    ("*.webp", "no picture matches *.webp"),
    ("none/*", "no picture matches none/*"),
])  # fmt: skip
def test_inputs_without_pictures_are_errors(album, given, text):
    with pytest.raises(ImageError) as caught:
        inputs.expand(["img2.jpg", given])
    assert str(caught.value).startswith(text)


def test_a_link_that_leads_round_does_not_go_on_for_ever(album):
    (album / "trip" / "loop").symlink_to(album)
    assert len(inputs.expand(["."])) == 6


@pytest.mark.skipif(AS_ROOT, reason="root may read anything")
def test_a_folder_that_may_not_be_read_is_said_so(album):
    (album / "trip").chmod(0)
    try:
        with pytest.raises(ImageError, match=r"cannot read folder .*trip: Permission denied"):
            inputs.expand(["."])
    finally:
        (album / "trip").chmod(0o700)


def test_every_suffix_is_one_that_some_reader_knows():
    Image.init()
    known = set(Image.registered_extensions()) | {".avif", ".jpe", ".mpo"}
    assert known >= images.SUFFIXES


def test_images_need_no_torch():
    code = "import sys; import fastnst.images, fastnst.samples; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
