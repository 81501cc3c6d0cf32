"""Reading picture files: frames, sizes, limits, and everything that is no good picture."""

import os
import threading

import numpy as np
import pytest
from made_pictures import AS_ROOT, LEVEL, bomb, noise, planes, saved, smooth
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from fastnst import images
from fastnst.errors import FastNSTError, ImageError


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_of_several_frames_the_first_is_used_and_said_so(tmp_path, suffix):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    picture = images.read(path)
    np.testing.assert_allclose(picture.rgb[:, 8, 8], [1, 0, 0], atol=LEVEL)
    assert picture.notes == ("only the first of its frames is used",)


def test_the_preview_in_a_phones_jpeg_is_no_news(tmp_path):
    photo = images.to_pil(smooth(64, 96))
    path = saved(tmp_path / "a.jpg", photo, format="MPO", save_all=True, append_images=[photo.resize((9, 6))])
    assert images.read(path).notes == ()
    assert images.read(path, size=24).rgb.shape == (3, 16, 24)


@pytest.mark.parametrize(("stored", "size", "wanted"), [
    ((13, 21), 21, (13, 21)),
    ((13, 21), 10, (6, 10)),
    ((21, 13), 100, (100, 62)),
    ((1, 300), 16, (1, 16)),
    ((300, 1), 7, (7, 1)),
    ((16, 16), 1, (1, 1)),
])  # fmt: skip
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_size_is_the_longer_side_and_the_aspect_is_kept(tmp_path, stored, size, wanted, suffix):
    picture = images.read(
        saved(tmp_path / f"a.{suffix}", Image.fromarray(noise(*stored, 4)).convert("RGB")), size=size
    )
    assert (picture.height, picture.width) == wanted


def test_alpha_gets_the_same_size_and_hidden_colours_do_not_bleed(tmp_path):
    array = np.zeros((64, 64, 4), np.uint8)  # hidden: black
    array[16:48, 16:48] = (255, 128, 0, 255)
    picture = images.read(saved(tmp_path / "a.png", Image.fromarray(array)), size=20)
    assert picture.alpha.shape == (20, 20)
    seen = picture.rgb[:, picture.alpha > 0.05]
    np.testing.assert_allclose(seen, np.broadcast_to([[1], [128 / 255], [0]], seen.shape), atol=0.02)


def test_a_large_jpeg_is_decoded_reduced_without_visible_loss(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.jpg", images.to_pil(smooth(603, 801)), quality=95)
    asked = []
    plain = images.resize(images.read(path).rgb, 75, 100)
    monkeypatch.setattr(JpegImageFile, "draft", lambda self, mode, size: (asked.append(size), None)[1])
    whole = images.read(path, size=100).rgb
    monkeypatch.undo()
    reduced = images.read(path, size=100).rgb
    np.testing.assert_allclose(whole, plain, atol=1e-6)
    assert asked == [(200, 150)]
    assert np.abs(reduced - plain).max() < 0.02
    assert np.abs(reduced - plain).mean() < 0.002


def test_resize_keeps_a_flat_picture_flat_and_stays_in_range():
    flat = np.full((3, 17, 23), 0.3, np.float32)
    for height, width in ((5, 9), (17, 23), (40, 31), (1, 1)):
        np.testing.assert_allclose(images.resize(flat, height, width), 0.3, atol=1e-6)
    hard = (noise(32, 32) > 127).astype(np.float32).transpose(2, 0, 1)
    for size in (11, 77):
        resized = images.resize(hard, size, size)
        assert resized.min() >= 0
        assert resized.max() <= 1
        assert resized.dtype == np.float32


def test_resize_is_antialiased_and_not_rounded_to_bytes():
    stripes = np.broadcast_to(np.arange(64) % 2, (3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(images.resize(stripes, 8, 8)[:, :, 1:-1], 0.5, atol=0.02)
    ramp = np.broadcast_to(np.linspace(0.5, 0.51, 200), (3, 100, 200)).astype(np.float32)
    assert len(np.unique(images.resize(ramp, 50, 100))) > 50


def test_resize_agrees_with_pillow_on_bytes():
    array = noise(60, 90)
    expected = np.asarray(Image.fromarray(array).resize((31, 20), Image.Resampling.LANCZOS))
    np.testing.assert_allclose(images.resize(planes(array), 20, 31), planes(expected), atol=3 * LEVEL)


def test_resize_leaves_its_argument_alone():
    rgb = smooth(10, 10)
    same = images.resize(rgb, 10, 10)
    same[:] = 0
    np.testing.assert_array_equal(rgb, smooth(10, 10))


def test_a_picture_too_small_for_the_caller_is_refused_by_name(tmp_path):
    path = saved(tmp_path / "dot.png", Image.fromarray(noise(1, 1)))
    assert images.read(path).rgb.shape == (3, 1, 1)
    with pytest.raises(ImageError, match=r"dot\.png is too small: 1x1 px, and at least 16x16 px are needed"):
        images.read(path, min_side=16)
    wide = saved(tmp_path / "wide.png", Image.fromarray(noise(20, 400)))
    assert images.read(wide, min_side=16).height == 20
    with pytest.raises(ImageError, match="1x1 px, and at least 16x16"):
        images.read(path, size=100, min_side=16)
    with pytest.raises(ImageError, match="100x5 px"):
        images.read(wide, size=100, min_side=16)


def test_a_bomb_is_refused_by_its_header(tmp_path):
    path = bomb(tmp_path / "bomb.png", 30_000, 30_000)
    with pytest.raises(ImageError) as caught:
        images.read(path)
    assert str(caught.value) == (
        f"{path} would take 30000x30000 px, and the limit is 200 million pixels; "
        "if you trust it, `fastnst stylise` has --max-pixels 900000000"
    )


def test_the_limit_is_the_callers(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(noise(10, 10)))
    assert images.read(path, max_pixels=100).rgb.shape == (3, 10, 10)
    with pytest.raises(ImageError, match="10x10 px"):
        images.read(path, max_pixels=99)
    with pytest.raises(
        ImageError,
        match=r"1000x1000 px, .* ask for a smaller size, or `fastnst stylise` has --max-pixels 1000000",
    ):
        images.read(path, size=1000, max_pixels=10_000)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "bmp"])
@pytest.mark.parametrize("limit", [100, 4000])  # the pixels are twice, and once, above what Pillow allows
def test_pillows_own_limit_stays_out_of_the_way_and_as_it_was(tmp_path, monkeypatch, suffix, limit):
    path = saved(tmp_path / f"a.{suffix}", images.to_pil(smooth(64, 96)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert images.read(path).rgb.shape == (3, 64, 96)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_threads_that_read_together_leave_pillows_limit_as_it_was(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.tif", images.to_pil(smooth(64, 96)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    threads = [threading.Thread(target=lambda: [images.read(path) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Image.MAX_IMAGE_PIXELS == 100


def one_line(path, **options):
    with pytest.raises(ImageError) as caught:
        images.read(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.__cause__ is None or not isinstance(caught.value.__cause__, FastNSTError)
    return message


def test_missing_folder_empty_and_text(tmp_path):
    assert one_line(tmp_path / "missing.jpg") == f"there is no file {tmp_path / 'missing.jpg'}"
    assert one_line(tmp_path) == f"cannot read {tmp_path}: it is a folder"
    (tmp_path / "empty.jpg").touch()
    assert one_line(tmp_path / "empty.jpg").endswith("empty.jpg is empty")
    (tmp_path / "text.jpg").write_text("These are words.")
    assert "text.jpg is not a picture that fastnst can read (JPEG, PNG, WEBP" in one_line(
        tmp_path / "text.jpg"
    )
    assert one_line(tmp_path / "text.jpg" / "a.jpg").endswith("Not a directory")


@pytest.mark.parametrize("start", [b"P", b"%!PS-Adobe-3.0 EPSF\n", b"%PDF-1.7\n", b"<svg ", b"\0", b"PK\3\4"])
def test_what_is_no_raster_picture_is_never_handed_to_a_program(tmp_path, start):
    (tmp_path / "a.png").write_bytes(start)
    assert "is not a picture" in one_line(tmp_path / "a.png")


def test_heic_is_told_what_to_do(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    assert "save HEIC photos as JPEG first" in one_line(tmp_path / "a.heic")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "bmp", "ppm", "avif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_truncated_file_is_damaged(tmp_path, suffix, share):
    if suffix == "avif" and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow has no AVIF")
    path = saved(tmp_path / f"whole.{suffix}", Image.fromarray(noise(64, 64)))
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(path.read_bytes()[: max(12, int(share * path.stat().st_size))])
    assert f"cut.{suffix} is damaged: " in one_line(cut)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "bmp"])
def test_random_damage_gives_a_picture_or_one_line(tmp_path, suffix):
    whole = saved(tmp_path / f"whole.{suffix}", Image.fromarray(noise(32, 32))).read_bytes()
    random = np.random.default_rng(1)
    for _ in range(40):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 8):
            data[place] = random.integers(256)
        path = tmp_path / f"damaged.{suffix}"
        path.write_bytes(data)
        try:
            images.read(path, max_pixels=1 << 20)
        except ImageError as err:
            assert str(path) in str(err)  # noqa: PT017 (either outcome is right)


def test_a_pipe_is_refused_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert one_line(tmp_path / "pipe.jpg").endswith("it is not a regular file")


@pytest.mark.skipif(AS_ROOT, reason="root may read anything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(noise()))
    path.chmod(0)
    assert one_line(path) == f"cannot read {path}: Permission denied"


def test_a_size_below_one_is_refused(tmp_path):
    with pytest.raises(ImageError, match="size must be at least 1"):
        images.read(tmp_path / "a.png", size=0)


def test_memory_that_runs_out_is_one_line(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", Image.fromarray(noise()))

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(images, "decode", fail)
    assert "too large for this machine's memory" in one_line(path)
