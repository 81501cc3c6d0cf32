"""What a training sees of its photos: crops, flips and grain at random, but reproducibly.

Which photo, crop, flip and grain stand at a position of the training is a pure function of the seed and that
position. So neither the number of workers nor a resume changes what a step sees.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fastnst import images
from fastnst.grain import grained
from fastnst.photo_store import PhotoStore
from fastnst.pixels import Floats, packed, unpacked

FLAT = 1.5 / 255  # the most that a crop of a single colour varies, in each channel
AGAIN, ATTEMPTS = 4, 32  # how often another crop is drawn from one photo, and in all

# the second number of each seed: one stream of random numbers for each purpose (photo_split.SPLIT is 3)
CROP, ORDER = 1, 2


class PhotoDataset(Dataset[Tensor]):
    """Random square crops of photos, mirrored every other time, each with what the network sees of it.

    An item's key is ``(position, index)``: the photo ``index`` with the crop of ``position``.
    ``PositionSampler`` gives such keys.

    Args:
        store: the prepared photos.
        rows: which rows of the store belong here.
        size: px, side of the crops.
        scale: a crop's side is drawn uniformly from [scale, 1] of the photo's shorter side.
        seed: of all crops, flips and grain, not negative.
        grain: levels of 255 on what the network sees: see ``grain``.
        margin: px of the photo around each crop: see ``photos_and_seen``.
    """

    def __init__(
        self,
        store: PhotoStore,
        rows: NDArray[np.int64],
        *,
        size: int,
        scale: float,
        seed: int,
        grain: float,
        margin: int = 0,
    ) -> None:
        self.store = store
        self.rows = rows
        self.size = size
        self.scale = scale
        self.seed = seed
        self.grain = grain
        self.margin = margin
        self.early = (0, 0)  # a position, and the side of the crops before it

    def __len__(self) -> int:
        return len(self.rows)

    def beginning(self, position: int, size: int) -> PhotoDataset:
        """The same crops, made smaller, ``size`` px, before a position."""
        growing = copy(self)
        growing.early = (position, size)
        return growing

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        """A crop and what the network sees of it, float32 (2, 3, side, side) in [0, 1]; smaller early on.

        Its side is ``size + 2 margin``. Of a single colour all over, as a white wall, it teaches nothing:
        instance normalisation divides by no variance, layer after layer, and gradients become infinite. Such
        a crop is drawn again, in the end from the photos that follow.
        """
        position, index = key
        random = np.random.default_rng((self.seed, CROP, position))
        until, early = self.early
        size = early if position < until else self.size
        for attempt in range(ATTEMPTS):
            photo = _photo(self.store, int(self.rows[(index + attempt // AGAIN) % len(self)]))
            draws = random.random(4)
            side = min(photo.size) * (self.scale + (1 - self.scale) * draws[0])
            left, top = (photo.width - side) * draws[1], (photo.height - side) * draws[2]
            box = (left, top, left + side, top + side)
            crop = _crop(photo, box, size=size, margin=self.margin, mirror=bool(draws[3] < 0.5))
            if np.ptp(crop, axis=(1, 2)).max() > FLAT:
                break
        top_left = random.integers(2**31, size=2).tolist()  # of the part of all grain that this crop has
        return _seen(crop, self.grain, (top_left[0], top_left[1]))


class HeldOutDataset(Dataset[Tensor]):
    """The largest centred squares of photos that are not trained on.

    An item is such a square and what the network sees of it, with the grain that ``fastnst stylise`` would
    give it: float32 (2, 3, size, size) in [0, 1].
    """

    def __init__(self, store: PhotoStore, rows: NDArray[np.int64], *, size: int, grain: float) -> None:
        self.store = store
        self.rows = rows
        self.size = size
        self.grain = grain

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        photo = _photo(self.store, int(self.rows[index]))
        side = min(photo.size)
        left, top = (photo.width - side) / 2, (photo.height - side) / 2
        crop = _crop(photo, (left, top, left + side, top + side), size=self.size, mirror=False)
        return _seen(crop, self.grain, (0, 0))


class PositionSampler(Sampler[tuple[int, int]]):
    """``(position, index)`` for positions of the training: a new order of the photos for each pass over them.

    A position counts photos since the training began: batch b of size B takes [b B, (b + 1) B). Each rank of
    several takes every ``world_size``-th position, so a global batch holds the same photos for any number of
    ranks.

    Args:
        count: photos to choose from.
        seed: of the orders, not negative.
        start: first position: 0, or steps done times the global batch size after a resume.
        stop: the position after the last.
    """

    def __init__(
        self, count: int, *, seed: int, start: int, stop: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.count = count
        self.seed = seed
        self.positions = range(start + rank, stop, world_size)

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        ordered = -1
        for position in self.positions:
            number, place = divmod(position, self.count)
            if number != ordered:
                order = np.random.default_rng((self.seed, ORDER, number)).permutation(self.count)
                ordered = number
            yield position, int(order[place])


def photos_and_seen(batch: Tensor, margin: int = 0) -> tuple[Tensor, Tensor]:
    """Of a batch, ``(B, 2, 3, H, W)``, what the loss compares with and what the network sees.

    The network paints the margin, too, and the loss does not see it (``inner``). Otherwise the network learns
    where pictures end, and hides there what the style wants and contents do not.

    Returns:
        The photos without their margin, ``(B, 3, H - 2 margin, W - 2 margin)``; all of them with grain,
        ``(B, 3, H, W)``.
    """
    photos, seen = (each.contiguous(memory_format=torch.channels_last) for each in batch.unbind(1))
    return inner(photos, margin), seen


def inner(pictures: Tensor, margin: int) -> Tensor:
    """Pictures, ``(B, 3, H, W)``, without ``margin`` px at each side."""
    height, width = pictures.shape[-2:]
    part = pictures[..., margin : height - margin, margin : width - margin]
    return part.contiguous(memory_format=torch.channels_last)


def _photo(store: PhotoStore, row: int) -> Image.Image:
    return Image.open(io.BytesIO(store.dataset[row]["jpeg"])).convert("RGB")


def _crop(
    photo: Image.Image,
    box: tuple[float, float, float, float],
    *,
    size: int,
    margin: int = 0,
    mirror: bool,
) -> Floats:
    """The square ``box`` (left, top, right, bottom; px) at ``size`` px, antialiased, in its margin.

    The margin is what the photo has around it, reflected where that ends: (3, size + 2 margin, as much).
    """
    left, top, right, bottom = box
    step = (right - left) / size
    room = left, top, photo.width - right, photo.height - bottom
    before_x, before_y, after_x, after_y = (min(margin, int(each / step)) for each in room)
    shape = size + before_x + after_x, size + before_y + after_y
    wider = (
        max(0.0, left - before_x * step),
        max(0.0, top - before_y * step),
        min(photo.width, right + after_x * step),
        min(photo.height, bottom + after_y * step),
    )
    rgb = images.from_pil(photo.resize(shape, Image.Resampling.BICUBIC, box=wider))
    missing = ((0, 0), (margin - before_y, margin - after_y), (margin - before_x, margin - after_x))
    rgb = np.pad(rgb, missing, mode="reflect")
    return np.ascontiguousarray(rgb[..., ::-1]) if mirror else rgb


def _seen(crop: Floats, grain: float, corner: tuple[int, int]) -> Tensor:
    """A crop, (3, H, W), and the same with grain: (2, 3, H, W)."""
    return torch.from_numpy(np.stack([crop, unpacked(grained(packed(crop), grain, corner=corner))]))
