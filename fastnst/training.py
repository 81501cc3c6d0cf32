"""Training one network for one painting: the Lightning module and its data."""

import math
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fastnst.crops import PositionSampler, inner, photos_and_seen
from fastnst.data import Photos
from fastnst.defects import EdgeReach, against, watched
from fastnst.grid import grid_power
from fastnst.guard import Guard
from fastnst.losses import LossTerms, PerceptualLoss
from fastnst.muon import Muon
from fastnst.networks import StyleNetwork
from fastnst.settings import DataSettings, OptimSettings


class StyleTraining(pl.LightningModule):
    """Fits a network to one painting: Johnson et al. (2016), https://arxiv.org/abs/1603.08155, section 3.

    Args:
        network: what is trained.
        loss: what it is trained for; its VGG-19 is in no checkpoint.
        style: ``loss.style_target(painting)``.
        optim: the optimiser, its schedule, and what is trained against beside the loss.
        steps: at which the cosine ends.
        margin: of the crops that are trained on, px, which the loss does not see.
    """

    title = "training"

    def __init__(
        self,
        network: StyleNetwork,
        loss: PerceptualLoss,
        style: Mapping[str, Tensor],
        *,
        optim: OptimSettings,
        steps: int,
        margin: int = 0,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.loss = loss
        # VGG-19 is the same everywhere: DDP would send its 80 MB around before each step.
        self._ddp_params_and_buffers_to_ignore = [f"loss.{name}" for name, _ in loss.named_buffers()]
        for layer, gram in style.items():
            self.register_buffer(f"style_{layer}", gram, persistent=False)
        self.optim = optim
        self.steps = steps
        self.margin = margin
        self.identity: dict[str, Any] = {}  # what a resumed run must share with the first
        self.calibration: dict[str, Any] = {}  # what it need not find again
        self.guard = Guard(optim.warmup)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what a resumed run must share, and the running mean, by which it judges."""
        checkpoint["identity"] = self.identity
        checkpoint["calibration"] = self.calibration
        checkpoint["usual"] = self.guard.usual

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the running mean back."""
        self.guard.usual = float(checkpoint["usual"])

    def measure(self, batch: Tensor, margin: int = 0) -> tuple[LossTerms, dict[str, Tensor]]:
        """Of the network's pictures of a batch, see ``photos_and_seen``, the loss and what is beside it.

        Beside it are ``grid_power`` and the mean kurtosis of what is normalised, ``()`` each.
        """
        photos, seen = photos_and_seen(batch, margin)
        with torch.no_grad():
            content = self.loss.content_target(photos)
        style = {layer: getattr(self, f"style_{layer}") for layer in self.loss.style_layers}
        with watched(self.network) as kurtoses:
            pictures = inner(self.network(seen).float(), margin)
        beside = {"grid": grid_power(pictures), "droplets": torch.stack(kurtoses).mean()}
        return self.loss(pictures, content, style), beside

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """One batch, ``(B, 2, 3, H, W)``; what edges change is measured on its first photo.

        Raises:
            TrainingError: the loss is not a number, or has exploded.
        """
        terms, beside = self.measure(batch, self.margin)
        self.guard.see(terms.total.item(), self.global_step)
        if self.optim.edge_weight:
            beside["edges"] = EdgeReach(self.network)(batch[:1, 1], self.global_step)
        named = {**terms.named(), **beside}
        self.log_dict({f"train/{name}": value.detach() for name, value in named.items()})
        return terms.total + against(self.optim, **beside)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """See ``Guard.see_gradients``."""
        self.guard.see_gradients(self, self.network.parameters())

    def picture(self, seen: Tensor) -> Tensor:
        """``(B, 3, H, W)`` as the network paints it now."""
        pictures: Tensor = self.network(seen)
        return pictures

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Held-out losses of one batch, ``(B, 2, 3, H, W)``."""
        terms, beside = self.measure(batch)
        named = {f"val/{name}": value for name, value in {**terms.named(), **beside}.items()}
        self.log_dict(named, batch_size=len(batch), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Muon or Adam, warmed up and then lowered along a cosine, step by step."""
        return optimisation(self.network.parameters(), self.optim, self.steps)


def optimisation(parameters: Iterable[nn.Parameter], optim: OptimSettings, steps: int) -> dict[str, Any]:
    """What Lightning's ``configure_optimizers`` returns: the optimiser, and the schedule of its rate."""
    kind = {"muon": Muon, "adam": torch.optim.Adam}[optim.optimizer]
    optimizer = kind(parameters, lr=optim.lr)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(optim, steps))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def schedule(optim: OptimSettings, steps: int) -> Callable[[int], float]:
    """The learning rate of a step, in parts of ``optim.lr``: a linear warm-up, then half a cosine."""
    floor = optim.lr_final / optim.lr

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (optim.warmup + 1))
        decay = floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, step / steps))) / 2
        return rise * decay

    return factor


class ResumableLoader(DataLoader[Tensor]):
    """A loader that begins at any step by itself, so Lightning has nothing to store or to wind forward."""

    total = 0

    def __len__(self) -> int:
        """Batches of the whole run, the ones before the beginning included."""
        return self.total

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the step says all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to do."""


class PhotoData(pl.LightningDataModule):
    """Batches of photos whose order and crops depend on the seed and the step alone.

    Args:
        photos: from ``fastnst.data.prepare``.
        settings: batch size and workers.
        steps: of the whole run.
        seed: of order, crops, flips and grain.
    """

    def __init__(self, photos: Photos, settings: DataSettings, *, steps: int, seed: int) -> None:
        super().__init__()
        self.photos = photos
        self.settings = settings
        self.steps = steps
        self.seed = seed

    def train_dataloader(self) -> ResumableLoader:
        """Training batches from the step the trainer is at, ``(B, 2, 3, side, side)`` of ``PhotoDataset``."""
        trainer = self.trainer
        assert trainer is not None  # Lightning sets it before it asks
        batch, batches = self.settings.batch_size, trainer.accumulate_grad_batches  # batches of one step
        photos = batch * batches * trainer.world_size  # of one step
        early = round(self.steps * self.settings.early_share) * photos
        size = min(self.settings.early_size, self.settings.size)
        crops = self.photos.train.beginning(early, size)
        sampler = PositionSampler(
            len(crops),
            seed=self.seed,
            start=trainer.global_step * photos,
            stop=self.steps * photos,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
        )
        loader = ResumableLoader(crops, batch_size=batch, sampler=sampler, **self._workers())
        loader.total = self.steps * batches
        return loader

    def val_dataloader(self) -> DataLoader[Tensor]:
        """Held-out batches, ``(B, 2, 3, size, size)``."""
        return DataLoader(self.photos.held_out, batch_size=self.settings.batch_size)

    def _workers(self) -> dict[str, Any]:
        workers = self.settings.workers
        return {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": _outlive_signals,
        }


def _outlive_signals(worker: int) -> None:
    """Ctrl-C and SIGTERM are the main process's to answer: it finishes its step, and needs the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
