"""VGG-19's convolutions in float32, directly and by ``fastnst.winograd``: time and rounding, layer by layer.

    python benchmarks/winograd.py > benchmarks/winograd.json

Both ways take turns, round after round. A layer's time is that of its activations and of the gradient, for
two pictures of 256 px; an evaluation is a loss and its gradient of one picture of 512 px, as the optimiser
takes; a step is one of training, two photos of 256 px, all in float32. Noise stands for pictures: times do
not depend on them.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from step import stepper
from torch import Tensor

from fastnst import config, losses, memory, paintings, vgg_weights, winograd
from fastnst.environment import describe
from fastnst.run_settings import TrainSettings

LAYERS = {  # channels in and out, px: each stands for those of its shape
    "conv1_2": (64, 64, 256),
    "conv2_1": (64, 128, 128),
    "conv2_2": (128, 128, 128),
    "conv3_1": (128, 256, 64),
    "conv3_2": (256, 256, 64),
    "conv4_1": (256, 512, 32),
    "conv4_2": (512, 512, 32),
    "conv5_1": (512, 512, 16),
}
Way = Callable[[], object]


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, help="all of them by default")
    asked = parser.parse_args()
    memory.keep_freed()  # as the commands do
    torch.manual_seed(0)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    records = []
    for name, shape in LAYERS.items():
        direct, quick, errors = layer(*shape)
        records.append({"name": name, **timed(direct, quick, asked.rounds), **errors})
    for name, make in (("an evaluation, 512 px", evaluation), ("a step of training, 256 px", training_step)):
        way = make()
        records.append({"name": name, **timed(directly(way), way, asked.rounds)})
    facts = {"threads": torch.get_num_threads(), "rounds": asked.rounds}
    print(json.dumps({"environment": describe(packages=("torch",)), **facts, "records": records}, indent=1))


def timed(direct: Way, quick: Way, rounds: int) -> dict[str, float]:
    """Medians and spreads, ms."""
    times: dict[str, list[float]] = {"direct": [], "quick": []}
    for number in range(rounds + 1):
        for name, way in (("direct", direct), ("quick", quick)):
            start = perf_counter()
            way()
            if number:  # the first warms up
                times[name].append(1000 * (perf_counter() - start))
    found: dict[str, Any] = {}
    for name, each in times.items():
        low, _, high = quantiles(each, n=4)
        found |= {f"{name}_ms": round(median(each), 1), f"{name}_iqr": round(high - low, 1)}
    return found


def layer(channels: int, out_channels: int, side: int) -> tuple[Way, Way, dict[str, float]]:
    """Both ways of a convolution, with gradient, and how far each is from float64, relative."""
    layout = torch.channels_last
    weight = torch.randn(out_channels, channels, 3, 3) * (2 / 9 / channels) ** 0.5
    bias = torch.zeros(out_channels)
    x = torch.randn(2, channels, side, side).relu().contiguous(memory_format=layout)
    of_out = torch.randn(2, out_channels, side, side).contiguous(memory_format=layout)
    transformed, weight = winograd.transformed(weight), weight.contiguous(memory_format=layout)

    def padded(x: Tensor) -> Tensor:
        return F.pad(x, (1, 1, 1, 1), mode="replicate")

    def direct() -> tuple[Tensor, Tensor]:
        return F.conv2d(padded(x), weight, bias), F.conv_transpose2d(of_out, weight)

    def quick() -> tuple[Tensor, Tensor]:
        found = winograd.convolve(x, transformed, bias, "replicate")
        return found, winograd.gradient(of_out, transformed)

    exact = (
        F.conv2d(padded(x.double()), weight.double()),
        F.conv_transpose2d(of_out.double(), weight.double()),
    )
    errors = {}
    for name, way in (("direct", direct), ("quick", quick)):
        pairs = zip(way(), exact, strict=True)
        errors[f"{name}_error"] = max(((a - b).norm() / b.norm()).item() for a, b in pairs)
    return direct, quick, errors


def evaluation() -> Way:
    """A loss and its gradient."""
    settings, weights, painting = given()
    loss = losses.build(settings.loss, weights, strength=1, dtype=torch.float32)
    picture = torch.rand(1, 3, 512, 512, requires_grad=True)
    content, style = loss.content_target(picture.detach()), loss.style_target(painting)

    def evaluate() -> None:
        (gradient,) = torch.autograd.grad(loss(picture, content, style).total, picture)
        assert gradient.isfinite().all()

    return evaluate


def training_step() -> Way:
    """As ``benchmarks/step.py`` has it."""
    settings, weights, painting = given()
    step: Way = stepper(settings, weights, painting, dtype=torch.float32, autocast=False)
    return step


def given() -> tuple[Any, vgg_weights.VGGWeights, Tensor]:
    """Settings, VGG-19 and the painting that fastnst draws."""
    settings = config.typed(TrainSettings, config.load("train", ["painting=brushstrokes"]))
    settings.loss.style_weight, settings.loss.balance = 30.0, False
    painting = torch.from_numpy(paintings.load(settings.painting, 512).rgb)[None]
    return settings, vgg_weights.load("original"), painting


def directly(way: Way) -> Way:
    """The same without ``fastnst.winograd``."""

    def direct() -> None:
        usual = winograd.pays
        winograd.pays = lambda weight, x: False
        try:
            way()
        finally:
            winograd.pays = usual

    return direct


if __name__ == "__main__":
    main()
