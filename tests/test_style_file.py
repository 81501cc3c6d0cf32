import json
import os
import pickle
import stat
import struct
from pathlib import Path

import numpy as np
import pytest
import tiny_style
import torch
from safetensors.numpy import save_file

from fastnst import style_file
from fastnst.errors import FastNSTError, StyleFileError


def header(metadata: object, tensors: dict[str, object] | None = None, data: bytes = b"") -> bytes:
    text = json.dumps({"__metadata__": metadata, **(tensors or {})}).encode()
    return struct.pack("<Q", len(text)) + text + data


def record(**changes: object) -> dict[str, str]:
    return {"fastnst": json.dumps({"format": 1, **tiny_style.RECORD, **changes})}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_is_read(tmp_path, dtype):
    weights = {"a.weight": np.linspace(-1, 1, 6, dtype=dtype).reshape(2, 3), "b": np.ones(4, dtype)}
    path = tmp_path / "new" / "mine.safetensors"
    style_file.write(path, weights, {**tiny_style.RECORD, "title": "Sternennacht ★", "new_key": [1, 2]})
    style = style_file.read(path)
    assert style.record == {**tiny_style.RECORD, "title": "Sternennacht ★", "new_key": [1, 2], "format": 2}
    assert style.shapes == {"a.weight": (2, 3), "b": (4,)}
    assert (style.parameters, style.size) == (10, path.stat().st_size)
    for name, values in style.weights().items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, weights[name])


def test_a_transposed_weight_is_written_as_it_looks(tmp_path):
    weights = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    style_file.write(tmp_path / "a.safetensors", weights, tiny_style.RECORD)
    np.testing.assert_array_equal(style_file.read(tmp_path / "a.safetensors").weights()["a"], weights["a"])


def test_what_nobody_knows_may_be_left_open(tmp_path):
    path = tiny_style.write(tmp_path, artist=None, year="about 1500")
    assert "artist" not in style_file.read(path).record


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"hello, I am a style\n" * 9, "is a text file"),
        (pickle.dumps({"state_dict": 1}), "is a PyTorch pickle, not a fastnst style; never loaded because"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "is a picture, not a fastnst style"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (bytes(range(200, 256)), "is not a fastnst style"),
        (struct.pack("<Q", 1 << 40) + b"{" + bytes(99), "is not a fastnst style"),
        (header(record())[:-9], "is cut short"),
        (struct.pack("<Q", 9) + b"{nonsense", "its header cannot be understood"),
        (struct.pack("<Q", 40_000) + b'{"a":' * 8000, "its header cannot be understood"),
        (header({"format": "pt"}), "is a safetensors file without fastnst's record"),
        (header("text"), "is a safetensors file without fastnst's record"),
        (header({"fastnst": "{"}), "its header cannot be understood"),
        (header({"fastnst": "[]"}), "no format number"),
        (header({"fastnst": "{}"}), "no format number"),
        (header(record(format=3)), "has format 3 and this fastnst reads 2: pip install --upgrade fastnst"),
        (
            header(record(network={"name": "fast", "arguments": {}})),
            "with another fast network: train it again",
        ),
        (header(record(name=None)), "no 'name' in it"),
        (header(record(network=None)), "no 'network' in it"),
        (header(record(network={"name": "johnson"})), "no 'arguments' in it"),
        (header(record(network="johnson")), "'network' is a str"),
        (header(record(network={"name": 3, "arguments": {}})), "'name' is a int"),
        (header(record(title=["x"])), "'title' is a list"),
        (header(record(held_out=3)), "'held_out' is a int"),
        (
            header(record(), {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"1234"),
            "declares",
        ),
        (header(record(), {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)), "header"),
        (header(record(), {"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)), "header"),
        (header(record(), {"a": {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]}}), "header"),
        (header(record(), {"a": 3}), "header"),
        (header(record(), {"a": {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}}, bytes(8)), "header"),
    ],
)
def test_what_is_no_style_is_named_in_a_line(tmp_path, content, message):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(StyleFileError) as raised:
        style_file.read(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_is_never_loaded(tmp_path, zipped):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"a": torch.ones(2)}}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(StyleFileError, match="is a PyTorch pickle, not a fastnst style; never loaded"):
        style_file.read(path)


def test_every_place_to_cut_a_file_is_noticed(tmp_path):
    path = tiny_style.write(tmp_path)
    content = path.read_bytes()
    for length in [*range(0, len(content), 501), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(StyleFileError):
            style_file.read(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    bad = {"a": np.array([1, np.nan], np.float32)}
    with pytest.raises(StyleFileError, match="'a' is not of finite"):
        style_file.write(tmp_path / "a.safetensors", bad, tiny_style.RECORD)
    assert list(tmp_path.iterdir()) == []
    save_file(bad, tmp_path / "b.safetensors", record())
    with pytest.raises(StyleFileError, match="'a' holds numbers that are not finite"):
        style_file.read(tmp_path / "b.safetensors").weights()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "no 'name'"),
        ({"steps": "many"}, "'steps' is a str"),
        ({"held_out": {"total": float("nan")}}, "not finite"),
        ({"thumbnail": "A" * 600_000}, "is the thumbnail small"),
    ],
)
def test_a_record_that_could_not_be_read_is_not_written(tmp_path, changes, message):
    with pytest.raises(StyleFileError, match=message):
        tiny_style.write(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_double_weight_is_not_written(tmp_path):
    with pytest.raises(StyleFileError, match="float16 or float32"):
        style_file.write(tmp_path / "a.safetensors", {"a": np.ones(2)}, tiny_style.RECORD)


def test_a_style_is_found_by_name_or_path(tmp_path, monkeypatch):
    monkeypatch.setattr(style_file, "STYLES", tmp_path)
    path = tiny_style.write(tmp_path, "starry_night.safetensors")
    assert style_file.installed() == {"starry_night": path}
    for spelling in ("starry_night", "Starry Night", "starry-night", path, str(path)):
        assert style_file.find(spelling) == path


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("stary_night", "did you mean starry_night? (installed: starry_night; the path of"),
        ("x.safetensors", "x.safetensors: there is no such file"),
        ("models/x", "models/x: there is no such file"),
    ],
)
def test_a_style_that_is_not_there_is_guessed_at(tmp_path, monkeypatch, wanted, message):
    tiny_style.write(tmp_path, "starry_night.safetensors")
    monkeypatch.setattr(style_file, "STYLES", tmp_path)
    with pytest.raises(StyleFileError) as raised:
        style_file.find(wanted)
    assert message in str(raised.value)


def test_a_folder_is_no_style(tmp_path):
    with pytest.raises(StyleFileError, match="is a folder"):
        style_file.find(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FastNSTError, match=r"cannot write .*tiny"):
        tiny_style.write(tmp_path / "file")


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FastNSTError, match=r"cannot write .*tiny\.safetensors: No space left"):
        tiny_style.write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
def test_others_may_read_a_style_where_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        path = tiny_style.write(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
