"""The network that trainings begin with: one body for many paintings, each with normalisations of its own.

Dumoulin et al. (2017), https://arxiv.org/abs/1610.07629, section 2.2: all that tells one style from another
can lie in the scales and shifts of instance normalisation. So convolutions that serve many paintings are near
what the next one needs; it begins with them and the mean of the others' scales and shifts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.func import functional_call

from fastnst.crops import inner, photos_and_seen
from fastnst.defects import EdgeReach, against, watched
from fastnst.grid import grid_power
from fastnst.guard import Guard
from fastnst.losses import PerceptualLoss
from fastnst.networks import StyleNetwork
from fastnst.settings import OptimSettings
from fastnst.training import optimisation

ORDER = 4  # the second number of the seed: see fastnst.crops


class BaseTraining(pl.LightningModule):
    """Fits one network to several paintings, one painting a step.

    Args:
        network: what is trained.
        losses: of each painting, on one VGG-19.
        styles: ``loss.style_target(painting)`` of each.
        optim: as for one painting.
        steps: at which the cosine ends.
        seed: of the order of the paintings.
        margin: as for one painting.
    """

    title = "training the base"

    def __init__(
        self,
        network: StyleNetwork,
        losses: Sequence[PerceptualLoss],
        styles: Sequence[Mapping[str, Tensor]],
        *,
        optim: OptimSettings,
        steps: int,
        seed: int,
        margin: int = 0,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.losses = tuple(losses)
        self.vgg = losses[0].features  # theirs too: it goes where the module goes
        self._ddp_params_and_buffers_to_ignore = [f"vgg.{name}" for name, _ in self.vgg.named_buffers()]
        self.styles = [dict(style) for style in styles]
        self.optim = optim
        self.steps = steps
        self.seed = seed
        self.margin = margin
        self.identity: dict[str, Any] = {}  # what a resumed run must share with the first
        self.calibration: dict[str, Any] = {}  # what it need not find again, by painting
        self.guard = Guard(optim.warmup)
        self.names = network.normalisations()
        for name in self.names:
            network.get_parameter(name).requires_grad_(False)
        self.own = nn.ParameterList(
            nn.Parameter(network.get_parameter(name).detach().clone()) for _ in styles for name in self.names
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what a resumed run must share."""
        checkpoint.update(identity=self.identity, calibration=self.calibration, usual=self.guard.usual)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the running mean back."""
        self.guard.usual = float(checkpoint["usual"])

    def chosen(self, step: int) -> int:
        """The painting of a step: each once in a new order, then again."""
        count = len(self.styles)
        order = np.random.default_rng((self.seed, ORDER, step // count)).permutation(count)
        return int(order[step % count])

    def norms(self, number: int) -> dict[str, Tensor]:
        """The normalisations of a painting, by their names in the network."""
        first = number * len(self.names)
        return {name: self.own[first + place] for place, name in enumerate(self.names)}

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """One batch, ``(B, 2, 3, H, W)``, for one painting."""
        number = self.chosen(self.global_step)
        loss = self.losses[number]
        photos, seen = photos_and_seen(batch, self.margin)
        with torch.no_grad():
            content = loss.content_target(photos)
        style = {layer: gram.to(self.device) for layer, gram in self.styles[number].items()}
        with watched(self.network) as kurtoses:
            pictures = functional_call(self.network, self.norms(number), (seen,)).float()
        pictures = inner(pictures, self.margin)
        terms = loss(pictures, content, style)
        self.guard.see(terms.total.item(), self.global_step)
        self.log("train/total", terms.total.detach())
        defects = {"grid": grid_power(pictures), "droplets": torch.stack(kurtoses).mean()}
        if self.optim.edge_weight:
            norms = {f"network.{name}": value for name, value in self.norms(number).items()}
            defects["edges"] = functional_call(EdgeReach(self.network), norms, (seen[:1], self.global_step))
        # Each step is for one painting; what the optimiser remembers of the others' gradients fades.
        others = 0 * sum(own.sum() for own in self.own)
        objective: Tensor = terms.total + against(self.optim, **defects) + others
        return objective

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """See ``Guard.see_gradients``."""
        self.guard.see_gradients(self, [*self.network.parameters(), *self.own])

    def picture(self, seen: Tensor) -> Tensor:
        """``(B, 3, H, W)`` by the mean of the normalisations."""
        pictures: Tensor = functional_call(self.network, self.state(), (seen,))
        return pictures

    def configure_optimizers(self) -> Any:
        """As for one painting, on the convolutions and on every painting's normalisations."""
        shared = [value for name, value in self.network.named_parameters() if name not in self.names]
        return optimisation([*shared, *self.own.parameters()], self.optim, self.steps)

    def state(self) -> dict[str, Tensor]:
        """The network with the mean of all paintings' normalisations."""
        norms = [self.norms(number) for number in range(len(self.styles))]
        mean = {name: torch.stack([own[name] for own in norms]).mean(dim=0) for name in self.names}
        return {name: value.detach() for name, value in {**self.network.state_dict(), **mean}.items()}
