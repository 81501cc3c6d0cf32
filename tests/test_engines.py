import json

import numpy as np
import pytest
import tiny_style
import torch
from safetensors.numpy import save_file

from fastnst import engines, style_file
from fastnst.engines import open_engine
from fastnst.errors import ConfigError, ImageError, StyleFileError


@pytest.fixture
def style(tmp_path):
    return style_file.read(tiny_style.write(tmp_path))


def pictures(*size: int) -> np.ndarray:
    return np.random.default_rng(0).random(size, dtype=np.float32)


@pytest.mark.parametrize("size", [(1, 3, 16, 16), (2, 3, 17, 31), (1, 3, 40, 23)])
def test_an_engine_paints_what_the_network_paints(style, size):
    photos = pictures(*size)
    before = photos.copy()
    painted = open_engine(style, device="cpu").stylise(photos)
    with torch.no_grad():
        expected = tiny_style.network()(torch.from_numpy(photos)).clamp(0, 1).numpy()
    assert painted.dtype == np.float32
    np.testing.assert_allclose(painted, expected, atol=1e-5)
    np.testing.assert_array_equal(photos, before)


def test_half_precision_on_the_disk_is_full_precision_in_the_network(style, tmp_path):
    path = tmp_path / "half.safetensors"
    half = {name: values.astype(np.float16) for name, values in style.weights().items()}
    style_file.write(path, half, tiny_style.RECORD)
    photos = pictures(1, 3, 24, 24)
    exact = open_engine(style, device="cpu").stylise(photos)
    painted = open_engine(style_file.read(path), device="cpu").stylise(photos)
    assert painted.dtype == np.float32
    np.testing.assert_allclose(painted, exact, atol=2 / 255)


def test_an_engine_says_what_it_runs_on(style):
    engine = open_engine(style, engine="torch", device="cpu")
    assert (engine.description, engine.min_size) == ("torch on cpu", 16)


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "mps:7"])
def test_a_device_that_is_not_here_is_named(style, device):
    with pytest.raises(ConfigError, match=f"there is no device '{device}' here .*; there are cpu"):
        open_engine(style, device=device)


def test_an_engine_that_is_unknown_is_named(style):
    with pytest.raises(ConfigError, match="there is no engine 'steam'; there are auto, torch"):
        open_engine(style, engine="steam")


def test_too_small_a_picture_is_refused(style):
    with pytest.raises(ImageError, match="15x16 px; at least 16"):
        open_engine(style, device="cpu").stylise(pictures(1, 3, 16, 15))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "gan", "arguments": {}}, "there is no network 'gan'; there are johnson"),
        ({"name": "johnson", "arguments": {"depth": 3}}, "johnson does not take"),
        ({"name": "johnson", "arguments": {"width": 0, "blocks": 1}}, "must be a number from 1 to 1024"),
        ({"name": "johnson", "arguments": {"width": 8, "blocks": 1}}, "is damaged: 'layers.0.bias' is"),
        ({"name": "johnson", "arguments": {"width": 4, "blocks": 2}}, "missing in the file"),
        ({"name": "johnson", "arguments": {"width": 1024, "blocks": 1}}, "is damaged"),  # and takes no memory
    ],
)
def test_a_record_that_does_not_fit_its_weights_is_told(tmp_path, network, message):
    path = tiny_style.write(tmp_path, network=network)
    with pytest.raises(StyleFileError) as raised:
        open_engine(style_file.read(path), device="cpu")
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_weights_that_are_no_numbers_never_reach_the_network(tmp_path, style):
    weights = style.weights()
    weights["layers.0.bias"][0] = np.inf
    save_file(weights, style.path, {"fastnst": json.dumps(style.record)})
    with pytest.raises(StyleFileError, match=r"'layers\.0\.bias' holds numbers that are not finite"):
        open_engine(style_file.read(style.path), device="cpu")


def test_a_picture_larger_than_the_memory_is_refused_with_a_size_that_fits(style, monkeypatch):
    engine = open_engine(style, device="cpu")
    monkeypatch.setattr(engines, "free_memory", lambda: 4_000_000)
    with pytest.raises(ImageError, match=r"not enough memory for 400x300 px; try --size (\d+)") as raised:
        engine.stylise(pictures(1, 3, 300, 400))
    fits = int(str(raised.value).split()[-1])
    assert engine.stylise(pictures(1, 3, fits * 3 // 4, fits)).shape[-1] == fits


def test_the_allocator_saying_no_is_a_line_too(style, monkeypatch):
    engine = open_engine(style, device="cpu")

    def full(_pictures: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")

    monkeypatch.setattr(engine._network, "forward", full)
    with pytest.raises(ImageError, match="not enough memory for 2000x1000 px; try --size 992"):
        engine.stylise(np.zeros((1, 3, 1000, 2000), np.float32))


@pytest.mark.gpu
def test_a_gpu_paints_what_a_cpu_paints(style):
    photos = pictures(1, 3, 65, 47)
    expected = open_engine(style, device="cpu").stylise(photos)
    np.testing.assert_allclose(open_engine(style, device="cuda").stylise(photos), expected, atol=2 / 255)
