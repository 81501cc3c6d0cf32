"""What a step of training costs, and what each way of making it cheaper saves.

    python benchmarks/step.py > benchmarks/step.json

Ways take turns, round after round; a round's time is one step: forward, loss, backward, optimiser. The
painting is the one that fastnst draws, the photos are noise: times do not depend on either.
"""

import argparse
import json
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch

from fastnst import config, losses, memory, networks, paintings, vgg_weights
from fastnst.environment import describe
from fastnst.run_settings import TrainSettings
from fastnst.training import StyleTraining

WAYS: dict[str, dict[str, Any]] = {  # what differs from the first
    "as it is": {},
    "VGG-19 in float32": {"dtype": torch.float32},
    "all in float32": {"dtype": torch.float32, "autocast": False},
    "contiguous in place of channels_last": {"memory_format": torch.contiguous_format},
    "128 px crops": {"size": 128},
    "4 photos of 128 px": {"size": 128, "photos": 4},
    "without coarse contents": {"coarse": 0.0},
}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    memory.keep_freed()  # as the commands do
    settings = config.typed(TrainSettings, config.load("train", ["painting=brushstrokes"]))
    weights = vgg_weights.load("original")
    painting = torch.from_numpy(paintings.load(settings.painting, 512).rgb)[None]
    steps = {name: stepper(settings, weights, painting, **way) for name, way in WAYS.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            start = perf_counter()
            step()
            if number:  # the first warms up
                times[name].append(1000 * (perf_counter() - start))
    usual = median(times["as it is"])
    records = []
    for name, each in times.items():
        low, _, high = quantiles(each, n=4)
        ms = median(each)
        records.append(
            {"name": name, "ms": round(ms), "iqr": round(high - low), "ratio": round(ms / usual, 2)}
        )
    facts = {"photos": settings.data.batch_size, "px": settings.data.size, "rounds": rounds}
    print(json.dumps({"environment": describe(packages=("torch",)), **facts, "records": records}, indent=1))


def stepper(
    settings: TrainSettings,
    weights: vgg_weights.VGGWeights,
    painting: torch.Tensor,
    *,
    dtype: torch.dtype = torch.bfloat16,
    autocast: bool = True,
    memory_format: torch.memory_format = torch.channels_last,
    size: int | None = None,
    photos: int | None = None,
    coarse: float | None = None,
) -> Any:
    """A function that does one step."""
    chosen = settings.loss
    chosen.style_weight, chosen.balance = 30.0, False
    before = chosen.coarse_weight
    if coarse is not None:
        chosen.coarse_weight = coarse
    loss = losses.build(chosen, weights, strength=1, dtype=dtype)
    chosen.coarse_weight = before
    torch.manual_seed(0)
    network = networks.build(settings.network.name, settings.network.arguments)
    module = StyleTraining(network, loss, loss.style_target(painting), optim=settings.optim, steps=100)
    module.log_dict = lambda *args, **kwargs: None  # type: ignore[method-assign]
    module.network.to(memory_format=memory_format)
    optimizer = module.configure_optimizers()["optimizer"]
    side, count = size or settings.data.size, photos or settings.data.batch_size
    batch = torch.rand(count, 2, 3, side, side)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            total = module.training_step(batch, 0)
        torch.autograd.backward(total)
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
