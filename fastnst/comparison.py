"""One photo in one style, both ways: the network's picture and the optimiser's, measured by one ruler.

Every figure of a picture is that of its 8-bit file, so that anybody can measure it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from fastnst import config, engines, gatys, paintings, style_targets
from fastnst.artefacts import artefacts
from fastnst.bench import quartiles
from fastnst.contestants import Contestant
from fastnst.distances import content_distance
from fastnst.errors import ConfigError, ImageError
from fastnst.images import Photo
from fastnst.losses import LossTerms, PerceptualLoss
from fastnst.paintings import Painting
from fastnst.peak_memory import peaks, reset_peak, resident_peak
from fastnst.pixels import Bytes, packed, unpacked
from fastnst.progress import Report
from fastnst.repaint import repaint
from fastnst.run_settings import CompareSettings
from fastnst.style_file import Style
from fastnst.vgg import VGG19Features
from fastnst.vgg_weights import VGGWeights

CROSSING = "gatys@equal_loss"  # the optimiser's picture when it has overtaken the network
PASSES = 11  # of the network through one photo, timed after a first one
NEUTRAL = "relu4_2"
"""The content layer of Gatys et al. (2016): contents are compared on it, with
zeros beyond the edges, whatever the loss has."""


def style_target(
    style: Style, loss: PerceptualLoss, weights: VGGWeights, *, folder: str, device: torch.device
) -> tuple[dict[str, Tensor], Bytes | None]:
    """What pictures in a style are measured against: ``{layer: (1, C, C)}``, and the painting if it is here.

    Args:
        style: named as a preset of conf/painting.
        loss: the style's.
        weights: of its VGG-19.
        folder: where the preset's file lies.
        device: of the loss.

    Returns:
        The target, of the painting's 8-bit picture as large as in training; and that picture, (h, w, 3).
        Where it is not there, the target that the style's file holds.

    Raises:
        ConfigError: there is neither.
        ImageError: the painting's file is damaged or no picture.
    """
    painting = painting_of(style, folder)
    if painting is None:
        return {name: gram.to(device) for name, gram in style_targets.stored(style, weights).items()}, None
    pixels = packed(painting.rgb)
    with torch.no_grad():
        return loss.style_target(tensor(pixels).to(device)), pixels


def painting_of(style: Style, folder: str) -> Painting | None:
    """The painting that a style was trained for, as large as it was then; None if the file has to do.

    Raises:
        ConfigError, ImageError: as from ``style_target``.
    """
    name, learnt = style.record["name"], style.record.get("painting", {})
    size = learnt.get("size")
    if name == "own" or name not in config.choices("painting") or not isinstance(size, int):
        if style.has_target:
            return None
        raise ConfigError(f"{style.path}: its painting is not known, so there is nothing to measure by")
    preset = config.painting(name, folder)
    try:
        paintings.find(preset)
    except ImageError as err:
        if style.has_target:
            return None
        raise ConfigError(
            f"the painting of style {name} is needed: there is no {preset.image} in paintings_dir={folder}; "
            f"it can be had from: {preset.source}"
        ) from err
    painting = paintings.load(preset, size)
    if painting.sha256 == learnt.get("sha256", painting.sha256):
        return painting
    if style.has_target:
        return None
    raise ConfigError(
        f"{style.path} was trained for another picture of {painting.title} than paintings_dir={folder} has"
    )


def tensor(pixels: Bytes) -> Tensor:
    """(H, W, 3) as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(unpacked(pixels))[None]


class Judge:
    """Measures pictures of one photo in one style.

    Args:
        photo: (H, W, 3).
        loss: the one that the style was trained for.
        style: its target, ``{layer: (1, C, C)}``.
        painting: (h, w, 3); None if it is not there, and then artefacts are not measured.
        ruler: computes ``NEUTRAL``.
        device: of loss, target and ruler.
    """

    def __init__(
        self,
        photo: Bytes,
        *,
        loss: PerceptualLoss,
        style: Mapping[str, Tensor],
        painting: Bytes | None,
        ruler: VGG19Features,
        device: torch.device,
    ) -> None:
        self.photo = photo
        self.loss = loss
        self.style = style
        self.painting = painting
        self.ruler = ruler
        self.device = device
        with torch.no_grad():
            self.content = loss.content_target(self._there(photo))

    def losses(self, picture: Bytes) -> dict[str, float]:
        """``LossTerms.values()`` of a picture, (H, W, 3)."""
        with torch.no_grad():
            terms: LossTerms = self.loss(self._there(picture), self.content, self.style)
        return terms.values()

    def scores(self, picture: Bytes) -> dict[str, Any]:
        """All that is measured of a picture, (H, W, 3).

        ``ssim`` is the likeness to the photo of Wang et al. (2004), https://doi.org/10.1109/TIP.2003.819861,
        the mean of the channels; ``content_distance`` how far it is from the photo on ``NEUTRAL``.
        """
        with torch.no_grad():
            seen, kept = (self.ruler(self._there(each))[NEUTRAL] for each in (picture, self.photo))
        ssim = structural_similarity(  # type: ignore[no-untyped-call]
            self.photo, picture, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        found = None
        if self.painting is not None:
            found = artefacts([unpacked(self.photo)], [unpacked(picture)], unpacked(self.painting))
        return {
            "losses": self.losses(picture),
            "ssim": float(ssim),
            "content_distance": content_distance(seen, kept).item(),
            "artefacts": found,
        }

    def _there(self, pixels: Bytes) -> Tensor:
        return tensor(pixels).to(self.device)


def run_network(photo: Bytes, style: Style, *, device: str) -> tuple[Bytes, dict[str, Any]]:
    """The network's picture by one pass, and what it takes, in float32.

    Args:
        photo: (H, W, 3).
        style: whose network.
        device: see ``fastnst.devices.choose``.

    Returns:
        (H, W, 3); and the engine, ms of a warm pass (median and distance between the quartiles), ms from the
        style file to the first picture, and MB at the peak of a process that does nothing else.
    """
    start = perf_counter()
    threads = torch.get_num_threads()
    engine = engines.open_engine(style, device=device, precision="float32", threads=threads)
    picture = repaint(Photo(photo), engine, stroke=1).pixels
    cold = perf_counter() - start
    times = []
    for _ in range(PASSES):
        start = perf_counter()
        repaint(Photo(photo), engine, stroke=1)
        times.append(perf_counter() - start)
    median, spread = quartiles(times)
    alone = Contestant(str(style.path), "", engine.description.split()[0], "float32", device, threads)
    side = round((photo.shape[0] * photo.shape[1]) ** 0.5)  # of a square with as many pixels
    return picture, {
        "engine": engine.description,
        "ms": 1000 * median,
        "ms_iqr": 1000 * spread,
        "cold_ms": 1000 * cold,
        "peak_mb": peaks(alone, [(side, 1)])[0],
    }


@dataclass(frozen=True, eq=False)
class Optimised:
    """What the optimiser made of a photo.

    Args:
        picture: its best, (H, W, 3).
        crossing: its first picture, (H, W, 3), whose loss is at most the network's; None if none was.
        overtaken_at: the evaluation of that picture.
        trace: see ``GatysResult``; seconds without those that were spent on looking for the crossing.
        peak_mb: of this process meanwhile; None where the system does not tell.
        trouble: see ``GatysResult``.
    """

    picture: Bytes
    crossing: Bytes | None
    overtaken_at: int | None
    trace: Sequence[Mapping[str, float]]
    peak_mb: float | None
    trouble: str

    def seconds(self, evaluation: int) -> float:
        """From the start to the end of an evaluation, counted from 1."""
        return self.trace[evaluation - 1]["seconds"]


def run_optimiser(
    judge: Judge,
    settings: CompareSettings,
    *,
    goal: float,
    init: Tensor,
    report: Report | None = None,
) -> Optimised:
    """The optimiser's picture, and when it overtook the network.

    Args:
        judge: has the photo, the loss and its targets.
        settings: the optimiser's.
        goal: the total loss of the network's picture.
        init: where to start, (1, 3, H, W).
        report: is told of every evaluation.

    Raises:
        TrainingError: the loss is infinite or NaN from the start.
    """
    overtaking = _Overtaking(goal)
    watched = judge.loss.register_forward_hook(overtaking)
    told = reset_peak()
    try:
        result = gatys.optimise(
            tensor(judge.photo).to(judge.device),
            judge.style,
            judge.loss,
            init=init.to(judge.device),
            how=settings,
            steps=settings.steps,
            report=report,
        )
    finally:
        watched.remove()
    peak = resident_peak() if told else None
    return Optimised(
        _bytes(result.picture),
        overtaking.picture,
        overtaking.evaluation,
        [
            {**record, "seconds": record["seconds"] - spent}
            for record, spent in zip(result.trace, overtaking.spent, strict=True)
        ],
        None if peak is None else round(peak / 1e6, 1),
        result.trouble,
    )


class _Overtaking:
    """A forward hook of a loss: looks for the first picture that is, as saved, no worse than ``goal``."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.evaluation: int | None = None
        self.picture: Bytes | None = None
        self.spent: list[float] = []  # s, up to each evaluation

    def __call__(self, loss: nn.Module, given: tuple[Any, ...], terms: LossTerms) -> None:
        total = terms.total.item()  # which waits for a GPU, as the optimiser would
        start = perf_counter()
        if self.evaluation is None and total <= self.goal:
            picture, *targets = given
            saved = _bytes(picture)
            with torch.no_grad():  # past the hook
                rounded: LossTerms = loss.forward(tensor(saved).to(picture.device), *targets)
            if rounded.total.item() <= self.goal:
                self.evaluation, self.picture = len(self.spent) + 1, saved
        before = self.spent[-1] if self.spent else 0.0
        self.spent.append(before + perf_counter() - start)


def _bytes(picture: Tensor) -> Bytes:
    """(1, 3, H, W) as (H, W, 3)."""
    return packed(picture[0].detach().cpu().numpy())
