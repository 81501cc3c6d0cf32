"""How much of the style: a trained network's normalisations, moved between ends.

A network is trained for one strength, 1. Afterwards two further ends of its normalisations and of its last
convolution are made, all other weights as they are. At strength 0 the last convolution gives the photo
itself; at ``style_file.STRONGEST`` the style weighs more than it did. What lies between is interpolated, and
below 1 trained for, each strength with a style weight of its own. Dumoulin et al. (2017),
https://arxiv.org/abs/1610.07629, section 2.2, found that scales and shifts of normalisations alone tell
styles apart, and that between two styles' lie sound ones; here they tell a style from more and less of it.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.func import functional_call

from fastnst.crops import inner, photos_and_seen
from fastnst.defects import against, watched
from fastnst.distances import style_distance
from fastnst.grid import grid_power
from fastnst.guard import Guard
from fastnst.losses import PerceptualLoss
from fastnst.networks import StyleNetwork, photo_taps
from fastnst.settings import OptimSettings, StrengthSettings
from fastnst.style_file import STRONGER, STRONGEST, WEAKER

GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, without their whole part, fill a range evenly


class StrengthTraining(pl.LightningModule):
    """Fits the two ends, ``weaker`` and ``stronger``.

    Args:
        network: trained, of an architecture that ``networks.sees_the_photo``.
        loss: what it was trained for.
        style: ``loss.style_target(painting)``.
        settings: conf/train.yaml's ``strength``.
        optim, margin: as in training; of ``optim`` the weights of the grid and of droplets.
    """

    title = "training strengths"

    def __init__(
        self,
        network: StyleNetwork,
        loss: PerceptualLoss,
        style: Mapping[str, Tensor],
        *,
        settings: StrengthSettings,
        optim: OptimSettings,
        margin: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self._ddp_params_and_buffers_to_ignore = [f"loss.{name}" for name, _ in loss.named_buffers()]
        for layer, gram in style.items():
            self.register_buffer(f"style_{layer}", gram, persistent=False)
        self.settings = settings
        self.steps = settings.steps
        self.guard = Guard(
            settings.steps, "Try half of strength.lr and of strength.stronger_lr, or strength.steps=0"
        )
        self.optim = optim
        self.margin = margin
        self.trained = {name: value.detach() for name, value in network.named_parameters()}
        normalised = network.normalisations()
        last = f"layers.{len(network.layers) - 1}"
        weight, bias = photo_taps(self.trained[f"{last}.weight"], gain=1)
        self.photo = {f"{last}.weight": weight, f"{last}.bias": bias}
        self.names = {
            WEAKER: normalised,
            STRONGER: [*normalised, *self.photo],
        }
        self.ends = nn.ParameterDict(
            {
                _key(end, name): nn.Parameter(self.trained[name].clone())
                for end, names in self.names.items()
                for name in names
            }
        )

    def weights(self, strength: float) -> dict[str, Tensor]:
        """What differs from the trained network at a strength, by name."""
        if strength <= 1:
            ends = {name: self.ends[_key(WEAKER, name)] for name in self.names[WEAKER]}
            ends |= {name: value.to(self.device) for name, value in self.photo.items()}
            part = 1 - strength
        else:
            ends = {name: self.ends[_key(STRONGER, name)] for name in self.names[STRONGER]}
            part = (strength - 1) / (STRONGEST - 1)
        return {name: torch.lerp(self.trained[name].to(self.device), end, part) for name, end in ends.items()}

    def style_factor(self, strength: float) -> float:
        """What the style weighs at a strength, times what it weighs at 1."""
        if strength <= 1:
            return float(strength**self.settings.power)
        return float(self.settings.stronger ** ((strength - 1) / (STRONGEST - 1)))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """One batch, ``(B, 2, 3, H, W)``, at one strength: below 1 in half of the steps, then the greatest.

        What lies between 1 and the greatest is interpolated alone. Below 1 there is less grain, as when
        stylising.
        """
        part = (batch_idx * GOLDEN + 0.5) % 1
        strength = part if self.global_step < self.steps // 2 else STRONGEST
        whole, seen = photos_and_seen(batch)
        photos = inner(whole, self.margin)
        seen = torch.lerp(whole, seen, min(1.0, strength))
        with torch.no_grad():
            content = self.loss.content_target(photos)
        style = {layer: getattr(self, f"style_{layer}") for layer in self.loss.style_layers}
        with watched(self.network) as kurtoses:
            pictures = functional_call(self.network, self.weights(strength), (seen,)).float()
        pictures = inner(pictures, self.margin)
        terms = self.loss(pictures, content, style)
        total = terms.content + terms.tv + self.style_factor(strength) * terms.style
        defects = against(self.optim, grid=grid_power(pictures), droplets=torch.stack(kurtoses).mean())
        self.guard.see(terms.total.item(), self.global_step)
        # Each step is for one end; DistributedDataParallel wants all of them in each.
        objective: Tensor = total + defects + 0 * sum(end.sum() for end in self.ends.values())
        return objective

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """See ``Guard.see_gradients``."""
        self.guard.see_gradients(self, self.ends.values())

    def picture(self, seen: Tensor) -> Tensor:
        """``(B, 3, H, W)`` at the greatest strength."""
        pictures: Tensor = functional_call(self.network, self.weights(STRONGEST), (seen,))
        return pictures

    def configure_optimizers(self) -> Any:
        """Adam, with a rate for each end, lowered along half a cosine over its half of the steps."""
        rates = {WEAKER: self.settings.lr, STRONGER: self.settings.stronger_lr}
        groups = [
            {"params": [self.ends[_key(end, name)] for name in self.names[end]], "lr": lr}
            for end, lr in rates.items()
        ]
        optimizer = torch.optim.Adam(groups)
        half = self.steps // 2
        factors = [
            lambda step: (1 + math.cos(math.pi * min(1, step / max(1, half)))) / 2,
            lambda step: (1 + math.cos(math.pi * max(0, step - half) / max(1, self.steps - half))) / 2,
        ]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @torch.no_grad()
    def shorten(self, seen: Sequence[Tensor]) -> float:
        """Bring the stronger end nearer, until the distance from the style falls on all the way to it.

        Args:
            seen: what the network sees of photos, each ``(3, H, W)``; none that was trained on.

        Returns:
            The part of the way that is kept: 1, a half, a quarter, an eighth, or 0.
        """
        part = 1.0
        while part and not self._falls(part, seen):
            part = part / 2 if part > 1 / 8 else 0.0
        for name in self.names[STRONGER]:
            self.ends[_key(STRONGER, name)].lerp_(self.trained[name].to(self.device), 1 - part)
        return part

    def _falls(self, part: float, seen: Sequence[Tensor]) -> bool:
        """Whether the style's distance falls in each quarter of a part of the way."""
        strengths = [1 + (STRONGEST - 1) * part * quarters / 4 for quarters in range(5)]
        distances = [self._style_distance(strength, seen) for strength in strengths]
        return all(after < before for before, after in pairwise(distances))

    def _style_distance(self, strength: float, seen: Sequence[Tensor]) -> float:
        """From the style, as its layers weigh in the loss; the sum over photos."""
        weights, found = self.weights(strength), 0.0
        for photo in seen:
            picture = functional_call(self.network, weights, (photo[None].to(self.device),))
            for layer, gram in self.loss.style_target(picture).items():
                distance = style_distance(gram, getattr(self, f"style_{layer}"))
                found += self.loss.style_layers[layer] * distance.item()
        return found

    def state(self) -> dict[str, Tensor]:
        """Both ends by the names that a style file has for them."""
        ends = {
            end + name: self.ends[_key(end, name)].detach()
            for end, names in self.names.items()
            for name in names
        }
        return ends | {WEAKER + name: value for name, value in self.photo.items()}


def _key(end: str, name: str) -> str:
    """The name of an end's weight in a ParameterDict, which takes no dots."""
    return (end + name).replace(".", "-")
