"""What every test stands on: no network, no screen, no cache but its own, a tiny VGG-19 and a small photo."""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Read by libraries when they are first imported, so set before any test module imports them.
HOME = tempfile.mkdtemp(prefix="fastnst-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["HF_HOME"] = HOME
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that asks the hub fails at once
os.environ["MPLBACKEND"] = "agg"
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tiny_style  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from fastnst.losses import LossTerms, PerceptualLoss  # noqa: E402
from fastnst.vgg_weights import ONES, RELUS, TORCHVISION, VGGWeights  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``fastnst.files.cache_dir`` answers with: an empty one for each test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FASTNST_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_vgg() -> dict[str, Tensor]:
    """State of a VGG-19 with 8 channels everywhere: the real layer names, a thousandth of the work."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for relu in RELUS:
        conv = relu.replace("relu", "conv")
        fan_in = 3 if relu == RELUS[0] else 8
        state[f"{conv}.weight"] = torch.randn(8, fan_in, 3, 3, generator=rng) / (3 * fan_in**0.5)
        state[f"{conv}.bias"] = torch.zeros(8)
    return state


@pytest.fixture(scope="session")
def tiny_weights(tiny_vgg: dict[str, Tensor]) -> VGGWeights:
    """``tiny_vgg`` as ``fastnst.vgg_weights.load`` would give it, every scale 1."""
    return VGGWeights(tiny_vgg, TORCHVISION, {"max": ONES, "average": ONES}, "tiny", "0" * 64)


@pytest.fixture
def photo() -> Tensor:
    """``(1, 3, 24, 32)``: small, not square, with detail and flat parts."""
    rng = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, 24, 32, generator=rng)
    image[..., :12, :16] = 0.5
    return image


@pytest.fixture
def photo_file(photo: Tensor, tmp_path: Path) -> Path:
    """``photo`` as a PNG of 32x24 px in ``tmp_path``."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.uint8(photo[0].permute(1, 2, 0).numpy() * 255 + 0.5)).save(path)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory but for ``tiny.safetensors`` and ``photo.png`` of 32x24 px."""
    monkeypatch.chdir(tmp_path)
    tiny_style.write(Path())
    tiny_style.save("photo.png", tiny_style.noise(24, 32))
    return tmp_path


@pytest.fixture
def signal_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """``signal_at(3, signal.SIGINT)``: this process gets the signal once, at the third loss from then on."""
    plain = PerceptualLoss.forward

    def ask(count: int, number: int) -> None:
        calls: list[int] = []

        def forward(self: PerceptualLoss, *args: Any, **where: Any) -> LossTerms:
            calls.append(number)
            if len(calls) == count:
                os.kill(os.getpid(), number)
            return plain(self, *args, **where)

        monkeypatch.setattr(PerceptualLoss, "forward", forward)

    return ask
