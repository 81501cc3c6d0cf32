"""``fastnst stylise``, end to end: on made pictures, with a network small enough for a test."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image
from tiny_style import noise, save

from fastnst import cli, images


def stylise(*arguments: str) -> int:
    return cli.main(["stylise", "-s", "tiny.safetensors", "--device", "cpu", *arguments])


def painted(path: str) -> np.ndarray:
    """What the tiny network makes of a photo, computed beside the command line."""
    with torch.no_grad():
        return tiny_style.network()(torch.from_numpy(images.read(path).rgb)[None])[0].clamp(0, 1).numpy()


@pytest.mark.parametrize("command", ["stylise", "stylize"])
def test_a_photo_is_repainted(home, capsys, command):
    argv = [command, "photo.png", "--style", "tiny.safetensors", "-o", "new/picture.png", "--grain", "0"]
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert out == f"{Path('new/picture.png')}\n"
    assert err.startswith("photo.png: 32x24 px, ")
    assert err.endswith(" ms\n")
    picture = images.read("new/picture.png").rgb
    np.testing.assert_allclose(picture, painted("photo.png"), atol=4 / 255)  # bfloat16, where the CPU has it


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 50), (19, 64)])
def test_a_picture_is_as_large_as_its_photo(home, size):
    save("odd.png", noise(*size))
    assert stylise("odd.png", "-o", "out.png") == 0
    assert images.read("out.png").rgb.shape == (3, *size)


def test_options_reach_the_work(home):
    assert stylise("photo.png", "-o", "small.jpg", "--size", "64", "--quality", "10") == 0
    assert stylise("photo.png", "-o", "large.jpg", "--size", "64", "--quality", "95") == 0
    assert images.load("small.jpg").width == images.load("large.jpg").width == 64
    assert Path("small.jpg").stat().st_size < Path("large.jpg").stat().st_size
    assert stylise("photo.png", "-o", "grey.png", "--keep-colours") == 0
    assert stylise("photo.png", "-o", "colour.png") == 0
    assert not np.array_equal(images.read("grey.png").rgb, images.read("colour.png").rgb)


def test_transparency_is_kept_and_a_jpeg_says_that_it_is_not(home, capsys):
    save("clear.png", noise(20, 24, 4))
    assert stylise("clear.png", "-o", "out.png") == 0
    np.testing.assert_array_equal(images.read("out.png").alpha, images.read("clear.png").alpha)
    capsys.readouterr()
    assert stylise("clear.png", "-o", "out.jpg") == 0
    assert "fastnst: out.jpg: JPEG has no transparency" in capsys.readouterr().err


def test_photos_of_every_kind_become_pictures(home):
    grey = noise(20, 24, 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    save("cmyk.jpg", noise(20, 24), "CMYK")
    save("grey.png", grey)
    save("deep.png", grey.astype(np.uint16) * 257)
    save("palette.gif", noise(20, 24), "P")
    save("turned.jpg", noise(20, 24), exif=exif)
    photos = ["cmyk.jpg", "grey.png", "deep.png", "palette.gif", "turned.jpg"]
    assert stylise(*photos, "-o", "out") == 0
    shapes = {path.name: images.read(path).rgb.shape[1:] for path in Path("out").glob("[!.]*")}
    upright = dict.fromkeys(["cmyk.jpg", "grey.png", "deep.png", "palette.png"], (20, 24))
    assert shapes == {**upright, "turned.jpg": (24, 20)}


def test_frames_that_are_not_used_are_mentioned(home, capsys):
    frames = [Image.fromarray(noise(20, 24)) for _ in range(2)]
    frames[0].save("moving.gif", save_all=True, append_images=[frames[1].rotate(90)])
    assert stylise("moving.gif", "-o", "out.png") == 0
    assert "fastnst: moving.gif: only the first of its frames is used" in capsys.readouterr().err


def bomb() -> bytes:
    """A PNG of a few bytes that claims 30,000 x 30,000 px."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(999)))


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(file, "JPEG")
    return file.getvalue()


BAD_PHOTOS = {
    "missing": (None, "there is no file"),
    "text": (b"this is no picture", "is not a picture"),
    "truncated": (jpeg()[:900], "is damaged"),
    "empty": (b"", "is empty"),
    "bomb": (bomb(), "30000x30000 px, and the limit is"),
}


@pytest.mark.parametrize("kind", BAD_PHOTOS)
def test_a_photo_that_cannot_be_read_is_one_line(home, capsys, kind):
    content, message = BAD_PHOTOS[kind]
    if content is not None:
        Path("bad.jpg").write_bytes(content)
    assert stylise("bad.jpg", "-o", "out.png") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastnst: ")
    assert "bad.jpg" in err
    assert message in err
    assert err.count("\n") == 1
    assert not Path("out.png").exists()


def test_too_small_a_photo_is_one_line(home, capsys):
    save("dot.png", noise(1, 1).reshape(1, 1, 3))
    assert stylise("dot.png", "-o", "out.png") == 1
    assert capsys.readouterr().err.startswith("fastnst: dot.png is too small: 1x1 px")


def test_bad_photos_in_a_folder_are_reported_at_the_end(home, capsys):
    save("trip/a.png", noise(20, 24))
    Path("trip/b.jpg").write_bytes(jpeg()[:900])
    save("trip/sub/c.png", noise(20, 24))
    assert stylise("trip", "-o", "out") == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(Path("out/a.png")), str(Path("out/sub/c.png"))]
    lines = err.splitlines()
    assert lines[0] == "stylising: 0 of 3 photos, a.png"
    assert lines[-2].startswith(f"fastnst: {Path('trip/b.jpg')} is damaged")
    assert lines[-1] == "fastnst: 1 of 3 photos were not done"
    assert sorted(path.name for path in Path("out").rglob("[!.]*.*")) == ["a.png", "c.png"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_in_place_of_a_style_is_not_loaded(home, capsys, zipped):
    torch.save({"a": torch.ones(1)}, "last.ckpt", _use_new_zipfile_serialization=zipped)
    assert cli.main(["stylise", "photo.png", "-s", "last.ckpt", "-o", "out.png"]) == 1
    expected = "is a PyTorch pickle, not a fastnst style; never loaded because pickles can run code"
    assert capsys.readouterr().err == f"fastnst: last.ckpt {expected}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["photo.png", "-s", "nobody", "-o", "out.png"], 1, "fastnst: there is no style 'nobody'"),
        (["photo.png", "-s", "no.safetensors", "-o", "out.png"], 1, "there is no such file"),
        (["photo.png", "-s", "photo.png", "-o", "out.png"], 1, "is a picture, not a fastnst style"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "photo.png"], 1, "would overwrite a photo"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "photo.png/out.png"], 1, "is not a folder"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "out.xyz"], 1, "does not end as a picture"),
        (
            ["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--device", "abacus"],
            1,
            "no device 'abacus'",
        ),
        (
            ["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--engine", "steam"],
            1,
            "no engine 'steam'",
        ),
        (["sample:dog", "-s", "tiny.safetensors", "-o", "out.png"], 1, "there is no sample dog"),
        (["photo.png", "-s", "tiny.safetensors"], 2, "Missing option '-o'"),
        (["photo.png", "-o", "out.png"], 2, "Missing option '-s'"),
        (["-s", "tiny.safetensors", "-o", "out.png"], 2, "Missing argument 'PHOTO...'"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--strength", "2"], 2, "'--strength'"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--strength", "nan"], 2, "'--strength'"),
        (["", "-s", "tiny.safetensors", "-o", "out.png"], 1, "fastnst: a name is empty"),
        (["photo.png", "-s", "tiny.safetensors", "-o", ""], 1, "fastnst: a name is empty"),
        (["a\nb.png", "-s", "tiny.safetensors", "-o", "out.png"], 1, "no file or folder a\\nb.png\n"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--size", "big"], 2, "'--size'"),
        (["photo.png", "-s", "tiny.safetensors", "-o", "out.png", "--speed", "9"], 2, "--speed"),
    ],
)
def test_what_cannot_work_is_said_and_writes_nothing(home, capsys, arguments, status, message):
    assert cli.main(["stylise", *arguments]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert {path.name for path in home.iterdir()} == {"photo.png", "tiny.safetensors"}


@pytest.mark.skipif(os.name == "nt", reason="links and messages are POSIX's")
def test_names_that_the_system_refuses_are_one_line_each(home, capsys):
    long = "a" * 300
    for arguments in (["photo.png", "-o", f"{long}.png"], ["photo.png", "-o", f"{long}/"]):
        assert stylise(*arguments) == 1
        assert capsys.readouterr().err.endswith(": File name too long\n")
    assert cli.main(["stylise", "photo.png", "-s", "b" * 5000, "-o", "out.png"]) == 1
    assert capsys.readouterr().err.endswith(": File name too long\n")
    save("trip/a.png", noise(20, 24))
    Path("trip/loop.png").symlink_to("loop.png")
    assert stylise("trip", f"{long * 20}.png", "-o", "out") == 1
    out, err = capsys.readouterr()
    assert out == "out/a.png\n"
    assert "cannot read trip/loop.png: Too many levels of symbolic links\n" in err
    assert f"cannot read {long}" in err
    assert "2 of 3 photos were not done" in err


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place that nobody may write to")
def test_a_read_only_output_is_one_line(home, capsys):
    assert stylise("photo.png", "-o", "/proc/out.png") == 1
    err = capsys.readouterr().err
    assert err.startswith("fastnst: cannot write ")
    assert err.count("\n") == 1
