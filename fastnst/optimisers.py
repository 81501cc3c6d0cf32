"""What changes the pixels of a picture, given the loss and its gradient there: L-BFGS and Adam.

L-BFGS is Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and 7.5, with steps that are not
searched along but taken, since every evaluation of the loss costs as much as the last. After one that leaps
to a loss far above, steps are held to the radius of a trust region (chapter 4). Two things are ours to say.
Pixels at an end of the range that the gradient holds there take no part in a step: Bertsekas (1982),
Projected Newton methods for optimization problems with simple constraints. And a step begins not with one
length for all, but with one for each colour and frequency: a loss of VGG-19 was seen to be some fifty times
more curved along coarse changes of a colour than along fine ones, which its own steps tell. PyTorch's L-BFGS
has a place for neither.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fastnst.settings import OptimiserSettings

LEAP = 2.0  # times the loss before a step: more, and L-BFGS goes back
BACK = 0.25  # to this part of that step, whose length is the radius
AHEAD = 2.0  # times the radius, after each step that does not raise the loss
FIRST = 0.01  # root mean square of the change by the first step, of which nothing is known
BANDS = 12  # of frequencies, from that of the whole picture to that of pixels, alike in octaves
COLOURS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))  # lightness and two of colour, orthogonal


class Optimiser(Protocol):
    """What proposes pictures, one for each evaluation of the loss."""

    def next(self, picture: Tensor, gradient: Tensor, total: float) -> Tensor:
        """The picture to evaluate after this one, in [0, 1].

        Args:
            picture: what ``next`` has proposed, or the first, (B, 3, H, W) in [0, 1].
            gradient: the loss's there, likewise.
            total: the loss there.
        """
        ...


def optimiser(how: OptimiserSettings) -> Optimiser:
    """The one that the settings ask for, without a past."""
    if how.optimizer == "adam":
        return Adam(how)
    return LBFGS(how.history, precondition=how.precondition)


class Adam:
    """Adam of PyTorch, each step clamped to the range.

    Figures: Starry Night at 192 px, 200 evaluations from the photo, VGG-19 in bfloat16. lr 0.02: 6.81; 0.04:
    6.90; 0.04 falling to 0.004 along a cosine: 7.24.
    """

    def __init__(self, how: OptimiserSettings) -> None:
        self._how = how
        self._adam: torch.optim.Adam | None = None

    @torch.no_grad()
    def next(self, picture: Tensor, gradient: Tensor, total: float) -> Tensor:
        """See ``Optimiser``."""
        if self._adam is None:
            first, second = self._how.betas
            self._pixels = picture.clone()
            self._adam = torch.optim.Adam([self._pixels], lr=self._how.lr, betas=(first, second))
        self._pixels.grad = gradient
        self._adam.step()
        return self._pixels.clamp_(0, 1).clone()


@dataclass(frozen=True, eq=False)
class _Pair:
    """A step and what it did to the gradient.

    Args:
        step, turn: (B, 3, H, W).
        product: of both, above 0.
    """

    step: Tensor
    turn: Tensor
    product: Tensor


class LBFGS:
    """L-BFGS within [0, 1].

    Figures: Starry Night on chelsea at 256 px, VGG-19 in bfloat16, the loss in float32 after 100 and 200
    evaluations from the photo: 0.936 and 0.865 with one length for all, 0.862 and 0.823 with one for each
    colour and frequency. A history of 60 steps in place of 20 gains nothing. Without and with a radius after
    leaps, brushstrokes on chelsea at 256 px, 70 evaluations in float32: 158 and 14.6 (``loss=quaglia``, whose
    style is mostly relu1_1, one length for all), 40.1 and 12.7 (the same, a length for each), 15.0 and 14.9
    (``loss=gatys``, a length for each, where one step leaps).

    Args:
        history: steps that it remembers, each two pictures of memory.
        precondition: begin each step with a length for each colour and frequency; if not, one for all.
    """

    def __init__(self, history: int, *, precondition: bool) -> None:
        self._pairs: deque[_Pair] = deque(maxlen=history)
        self._precondition = precondition
        self._before: tuple[Tensor, Tensor, float] | None = None
        # root mean square of the longest step allowed; None before the first leap
        self._radius: Tensor | None = None
        self._bands: Bands | None = None
        self._powers: deque[Tensor] = deque(maxlen=history)  # of each pair's step and turn, (2, 3, BANDS)

    @torch.no_grad()
    def next(self, picture: Tensor, gradient: Tensor, total: float) -> Tensor:
        """See ``Optimiser``; after a step that leapt, a part of that step."""
        if self._before is not None:
            before, slope, former = self._before
            step = picture - before
            self._learn(step, gradient - slope)
            if total > LEAP * former:
                self._radius = BACK * _length(step)
                return before + BACK * step
            if self._radius is not None and total <= former:
                self._radius = AHEAD * self._radius
        self._before = picture, gradient, total
        free = ~((picture <= 0) & (gradient > 0) | (picture >= 1) & (gradient < 0))
        step = free * self._towards(free * gradient)
        if self._radius is not None:
            step = step * (self._radius / _length(step)).clamp(max=1)
        return (picture - step).clamp(0, 1)

    def _learn(self, step: Tensor, turn: Tensor) -> None:
        turn = turn * (step != 0)
        product = (step * turn).sum()
        if 0 < product < math.inf:
            self._pairs.append(_Pair(step, turn, product))
            if self._precondition:
                self._bands = self._bands or Bands(step)
                self._powers.append(torch.stack([self._bands.power(step), self._bands.power(turn)]))

    def _towards(self, gradient: Tensor) -> Tensor:
        """The two loops: the gradient, times what is known of the inverse of the Hessian."""
        if not self._pairs:
            return gradient * (FIRST / _length(gradient))
        parts = []
        for pair in reversed(self._pairs):
            parts.append((pair.step * gradient).sum() / pair.product)
            gradient = gradient - parts[-1] * pair.turn
        towards = self._begun(gradient)
        for pair in self._pairs:
            towards = towards + pair.step * (parts.pop() - (pair.turn * towards).sum() / pair.product)
        return towards

    def _begun(self, gradient: Tensor) -> Tensor:
        """The gradient, times lengths with which the last step would have been foretold as a whole."""
        last = self._pairs[-1]
        if self._bands is None:
            return gradient * (last.product / last.turn.square().sum())
        moved, turned = torch.stack(tuple(self._powers)).sum(0)
        known = (moved > 0) & (turned > 0)  # where nothing was changed yet, the mean length
        lengths = torch.where(known, moved / turned, moved.sum() / turned.sum()).sqrt()
        return self._bands.times(gradient, lengths * (last.product / (lengths * self._powers[-1][1]).sum()))


def _length(step: Tensor) -> Tensor:
    """Root mean square, at least 1e-30."""
    return step.square().mean().sqrt().clamp(min=1e-30)


class Bands:
    """Pictures by colour and frequency.

    Args:
        pictures: whose shape and device they have, (B, 3, H, W).
    """

    def __init__(self, pictures: Tensor) -> None:
        height, width = self._size = pictures.shape[-2:]
        colours = torch.tensor(COLOURS, device=pictures.device)
        self._colours = colours / colours.norm(dim=1, keepdim=True)
        down = torch.fft.fftfreq(height, device=pictures.device)[:, None]
        across = torch.fft.rfftfreq(width, device=pictures.device)
        octaves = torch.log2((down.square() + across.square()).sqrt() * max(height, width))
        whole = math.log2(max(height, width) / math.sqrt(2))  # those of the highest frequency
        self._band = (octaves / whole * BANDS).clamp(0, BANDS - 1).long()  # the mean is in the first
        self._twice = torch.full_like(across, 2.0)  # rfft leaves mirrored columns out
        self._twice[0] = 1
        if width % 2 == 0:
            self._twice[-1] = 1

    def power(self, pictures: Tensor) -> Tensor:
        """Sums of squares, (3, BANDS)."""
        squares: Tensor = (self._spectra(pictures).abs().square() * self._twice).sum(0)
        sums = squares.new_zeros(3, BANDS)
        sums.index_add_(1, self._band.flatten(), squares.flatten(1))
        return sums

    def times(self, pictures: Tensor, gains: Tensor) -> Tensor:
        """Pictures with every colour and band, (3, BANDS), times a gain."""
        spectra = self._spectra(pictures) * gains[:, self._band]
        planes = torch.fft.irfft2(spectra, s=self._size, norm="ortho")
        return torch.einsum("kc,bkhw->bchw", self._colours, planes)

    def _spectra(self, pictures: Tensor) -> Tensor:
        planes = torch.einsum("kc,bchw->bkhw", self._colours, pictures)
        spectra: Tensor = torch.fft.rfft2(planes, norm="ortho")
        return spectra
