import json
import subprocess
import sys
import threading

import numpy as np
import pytest
import tiny_style
import torch
from safetensors.numpy import save_file

from fastnst import (
    architectures,
    compiled,
    devices,
    engines,
    graphs,
    memory,
    openvino_engine,
    style_file,
    torch_engine,
)
from fastnst.engines import open_engine
from fastnst.errors import ConfigError, ImageError, StyleFileError

FAST = {
    "name": "fast",
    "arguments": {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 5, "full": 3},
}
MODULES = {"openvino": openvino_engine, "torch": torch_engine}


@pytest.fixture
def style(tmp_path):
    return style_file.read(tiny_style.write(tmp_path))


@pytest.fixture(params=MODULES)
def kind(request):
    return request.param


def noise(*size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def exact(style, kind="openvino", **options):
    return open_engine(style, engine=kind, device="cpu", precision="float32", **options)


def expected(photos):
    with torch.no_grad():
        picture = tiny_style.network()(torch.from_numpy(photos).permute(0, 3, 1, 2) / 255)
    return (picture * 255).permute(0, 2, 3, 1).numpy()


def apart(first, second):
    return np.abs(first.astype(float) - second).max()


@pytest.mark.parametrize("size", [(1, 16, 16), (2, 17, 31), (1, 40, 23)])
def test_an_engine_paints_what_the_network_paints(style, kind, size):
    photos = noise(*size)
    before = photos.copy()
    painted = exact(style, kind).stylise(photos)
    assert (painted.dtype, painted.shape) == (np.uint8, photos.shape)
    assert apart(painted, expected(photos)) < 0.51
    np.testing.assert_array_equal(photos, before)


def test_engines_agree_on_statistics_and_on_what_they_make_of_them(tmp_path):
    architecture = architectures.architecture(FAST["name"], FAST["arguments"])
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, 0.5 if len(shape) == 1 else np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)
        for name, shape in architectures.shapes(architecture).items()
    }
    path = tmp_path / "fast.safetensors"
    style_file.write(path, weights, {**tiny_style.RECORD, "network": FAST})
    both = [exact(style_file.read(path), kind) for kind in MODULES]
    photos = noise(2, 33, 50)
    seen = [engine.statistics(photos // 2) for engine in both]
    assert [known.shape for known in seen[0]] == [known.shape for known in seen[1]]
    for mine, theirs in zip(*seen, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)
    own = [engine.stylise(photos) for engine in both]
    frozen = [engine.stylise(photos, statistics=known) for engine, known in zip(both, seen, strict=True)]
    assert apart(*own) <= 1
    assert apart(*frozen) <= 1
    assert apart(own[0], frozen[0]) > 10


def test_a_pictures_own_statistics_frozen_change_nothing(style, kind):
    engine = exact(style, kind)
    photo = noise(1, 32, 27)[:, :, ::-1]  # as a view, not as a block of memory
    before = engine.stylise(photo)
    assert apart(engine.stylise(photo, statistics=engine.statistics(photo)), before) <= 1
    np.testing.assert_array_equal(engine.stylise(photo), before)


def test_a_photo_is_not_written_into(style, kind):
    memory = np.empty(64 * 48 * 3 + 64, np.uint8)
    start = -memory.ctypes.data % 64  # memory that OpenVINO would use as it is
    photo = memory[start : start + 64 * 48 * 3].reshape(1, 64, 48, 3)
    photo[:] = noise(1, 64, 48)
    photo.flags.writeable = False
    before = photo.copy()
    exact(style, kind).stylise(photo)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_threads_do_not_mix_up_their_pictures(style, kind, workers):
    engine = exact(style, kind, threads=2, workers=workers)
    assert engine.workers == (workers if kind == "openvino" else 1)
    photos = [noise(1, 16 + 8 * index, 40) for index in range(4)]
    known = engine.statistics(photos[0])
    wanted = [
        engine.stylise(photo, statistics=known if index % 2 else None) for index, photo in enumerate(photos)
    ]
    wrong = []

    def work(index):
        for _ in range(10):
            painted = engine.stylise(photos[index], statistics=known if index % 2 else None)
            if apart(painted, wanted[index]) > 1:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_half_precision_on_the_disk_is_full_precision_in_the_network(style, kind, tmp_path):
    path = tmp_path / "half.safetensors"
    half = {name: values.astype(np.float16) for name, values in style.weights().items()}
    style_file.write(path, half, tiny_style.RECORD)
    photos = noise(1, 24, 24)
    assert apart(exact(style_file.read(path), kind).stylise(photos), exact(style, kind).stylise(photos)) <= 2


def test_what_is_fastest_here_is_near_what_is_exact(style, kind):
    photos = noise(1, 64, 64)
    painted = open_engine(style, engine=kind, device="cpu").stylise(photos)
    assert np.abs(painted.astype(float) - expected(photos)).mean() < 3


def test_an_engine_says_what_it_is(style, kind):
    engine = exact(style, kind)
    assert engine.description == f"{kind} float32 on cpu"
    assert (engine.min_size, engine.stride) == (16, 4)
    assert engine.reach > 20
    assert (
        8
        < engine.memory(100, 200) / 20_000 / architectures.architecture(**style.record["network"]).widest
        < 64
    )
    assert engine.memory(100, 200, measuring=True) >= engine.memory(100, 200)
    assert 0 < engine.budget() <= memory.DEFAULT


def test_a_cpu_is_openvinos_and_a_gpu_torchs(style, monkeypatch):
    assert open_engine(style, device="cpu").description.startswith("openvino")
    monkeypatch.setattr(engines, "_may_have_gpu", lambda: False)
    assert open_engine(style).description.startswith("openvino")
    monkeypatch.setattr(engines, "_may_have_gpu", lambda: True)
    assert open_engine(style).description.startswith("openvino") or torch.cuda.is_available()
    monkeypatch.setattr(devices, "choose", lambda _name: torch.device("cuda"))
    assert engines._fastest("auto") == "torch"


@pytest.mark.parametrize(
    ("cpu", "flags", "faster"),
    [
        ("AMD EPYC", "avx512_bf16", True),
        ("Intel(R) Xeon(R)", "avx512_bf16 amx_bf16", True),
        ("Intel(R) Xeon(R)", "avx512_bf16", False),
        ("Intel(R) Xeon(R)", None, True),
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster(style, monkeypatch, tmp_path, cpu, flags, faster):
    class Core:
        def get_property(self, _device, name):
            return cpu if name == "FULL_DEVICE_NAME" else ["FP32", "BF16"]

    monkeypatch.setattr(openvino_engine, "CPUINFO", tmp_path / "cpuinfo")
    if flags is not None:
        openvino_engine.CPUINFO.write_text(f"model name: {cpu}\nflags: fpu {flags} avx\n")
    engine = open_engine(style, engine="openvino", precision="float32")
    engine._core = Core()
    assert engine._chosen("auto") == ("bfloat16" if faster else "float32")


def test_without_openvino_torch_is_used_and_said_so(style, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "fastnst.openvino_engine", None)
    assert open_engine(style, device="cpu").description == "torch float32 on cpu"
    assert "OpenVINO cannot be loaded" in caplog.text
    with pytest.raises(ConfigError, match=r"OpenVINO cannot be loaded .*: pip install openvino"):
        open_engine(style, engine="openvino")


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "mps:7"])
def test_a_device_that_is_not_here_is_named(style, device):
    with pytest.raises(ConfigError, match=f"there is no device '{device}' here .*; there are cpu"):
        open_engine(style, device=device)
    with pytest.raises(ConfigError, match=f"computes on the CPU, not on '{device}'"):
        open_engine(style, engine="openvino", device=device)


def test_an_engine_or_a_precision_that_is_unknown_is_named(style, kind, monkeypatch):
    monkeypatch.delitem(openvino_engine.CAPABILITIES, "float16")  # some CPUs have it
    with pytest.raises(ConfigError, match="there is no engine 'steam'; there are auto, openvino, torch"):
        open_engine(style, engine="steam")
    with pytest.raises(ConfigError, match="there is no precision 'int4'; there are auto, float32, bfloat16"):
        open_engine(style, precision="int4")
    with pytest.raises(ConfigError, match="has no precision 'float16'; it has float32"):
        open_engine(style, engine=kind, device="cpu", precision="float16")


def test_too_small_a_picture_is_refused(style, kind):
    engine = exact(style, kind)
    for work in (engine.stylise, engine.statistics):
        with pytest.raises(ImageError, match="15x16 px; at least 16"):
            work(noise(1, 16, 15))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "gan", "arguments": {}}, "there is no network 'gan'; there are fast, johnson"),
        ({"name": "johnson", "arguments": {"depth": 3}}, "johnson does not take"),
        ({"name": "johnson", "arguments": {"width": 0, "blocks": 1}}, "must be a number from 1 to 1024"),
        ({"name": "johnson", "arguments": {"width": 8, "blocks": 1}}, "is damaged: 'layers.0.bias' is"),
        ({"name": "johnson", "arguments": {"width": 4, "blocks": 2}}, "missing in the file"),
        ({"name": "johnson", "arguments": {"width": 1024, "blocks": 1}}, "is damaged"),  # and takes no memory
    ],
)
def test_a_record_that_does_not_fit_its_weights_is_told(tmp_path, kind, network, message):
    path = tiny_style.write(tmp_path, network=network)
    with pytest.raises(StyleFileError) as raised:
        exact(style_file.read(path), kind)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_weights_that_are_no_numbers_never_reach_the_network(style, kind):
    weights = style.weights()
    weights["layers.0.bias"][0] = np.inf
    save_file(weights, style.path, {"fastnst": json.dumps(style.record)})
    with pytest.raises(StyleFileError, match=r"'layers\.0\.bias' holds numbers that are not finite"):
        exact(style_file.read(style.path), kind)


def test_a_picture_larger_than_the_memory_is_refused_with_a_size_that_fits(style, kind, monkeypatch):
    engine = exact(style, kind)
    monkeypatch.setattr(memory, "free_memory", lambda: 4_000_000)
    with pytest.raises(ImageError, match=r"not enough memory for 400x300 px; try --size (\d+)") as raised:
        engine.stylise(noise(1, 300, 400))
    fits = int(str(raised.value).split()[-1])
    assert engine.stylise(noise(1, fits * 3 // 4, fits)).shape[2] == fits


def test_the_allocator_saying_no_is_a_line_too(style, kind, monkeypatch):
    engine = exact(style, kind)

    def full(*_inputs: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")

    if kind == "torch":
        monkeypatch.setattr(engine._network, "forward", full)
    else:
        monkeypatch.setattr(engine._networks["own"], "run", full)
    with pytest.raises(ImageError, match="not enough memory for 2000x1000 px; try --size 992"):
        engine.stylise(np.zeros((1, 1000, 2000, 3), np.uint8))


def blobs(cache):
    return sorted((cache / "compiled").glob("*.blob"))


def test_what_was_compiled_is_kept_for_the_next_start(style, cache, monkeypatch):
    painted = exact(style).stylise(noise(1, 24, 24))
    assert len(blobs(cache)) == 1

    def none(*_arguments: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(graphs, "compile_model", none)
    np.testing.assert_array_equal(exact(style).stylise(noise(1, 24, 24)), painted)
    with pytest.raises(AssertionError, match="compiled again"):
        exact(style, threads=1)


@pytest.mark.parametrize("content", [b"", b"no model", b"x" * 100_000])
def test_a_damaged_cache_is_made_anew(style, cache, content):
    painted = exact(style).stylise(noise(1, 24, 24))
    (blob,) = blobs(cache)
    blob.write_bytes(content)
    np.testing.assert_array_equal(exact(style).stylise(noise(1, 24, 24)), painted)
    assert compiled.read(blob.stem) is not None


def test_a_kept_model_that_openvino_does_not_take_is_made_anew(style, cache, monkeypatch):
    painted = exact(style).stylise(noise(1, 24, 24))
    monkeypatch.setattr(openvino_engine.compiled, "read", lambda _name: b"of another OpenVINO")
    np.testing.assert_array_equal(exact(style).stylise(noise(1, 24, 24)), painted)


def test_a_cache_that_cannot_be_written_stops_nothing(style, monkeypatch):
    painted = exact(style).stylise(noise(1, 24, 24))
    monkeypatch.setenv("FASTNST_CACHE", "/proc/nowhere")
    np.testing.assert_array_equal(exact(style).stylise(noise(1, 24, 24)), painted)


def test_another_style_is_another_model(style, tmp_path):
    photo = noise(1, 24, 24)
    painted = exact(style).stylise(photo)
    weights = {name: -values for name, values in style.weights().items()}
    style_file.write(style.path, weights, tiny_style.RECORD)
    assert apart(exact(style_file.read(style.path)).stylise(photo), painted) > 10


def test_openvino_needs_no_torch(style):
    code = f"""
import sys, numpy
from fastnst import style_file
from fastnst.engines import open_engine
engine = open_engine(style_file.read({str(style.path)!r}), device="cpu")
photo = numpy.zeros((1, 20, 20, 3), numpy.uint8)
engine.stylise(photo, statistics=engine.statistics(photo))
assert engine.stylise(photo).shape == photo.shape
print(*{{"torch", "torchvision", "lightning"}} & sys.modules.keys())
"""
    for _ in range(2):  # compiled, then kept
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.split() == []


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "levels"), [("float32", 2), ("float16", 8), ("bfloat16", 30)])
def test_a_gpu_paints_what_a_cpu_paints(style, precision, levels):
    photos = noise(2, 65, 47)
    engine = open_engine(style, device="cuda", precision=precision)
    cpu = exact(style, "torch")
    assert apart(engine.stylise(photos), cpu.stylise(photos)) <= levels
    known = cpu.statistics(photos)
    assert apart(engine.stylise(photos, statistics=known), cpu.stylise(photos, statistics=known)) <= levels
