"""Which photos are trained on and which are held out."""

import logging

import numpy as np
from numpy.typing import NDArray

from fastnst.photo_store import PhotoStore

logger = logging.getLogger(__name__)

SPLIT = 3  # the second number of the seed, as in data


def divided(
    usable: NDArray[np.int64], limit: int, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on, and rows held out: ``limit``, but a fifth at most (of two to four photos: one)."""
    count = len(usable)
    wanted = min(limit, max(1, count // 5)) if count > 1 else 0
    order = np.random.default_rng((seed, SPLIT, 0)).permutation(count)
    return np.sort(usable[order[wanted:]]), np.sort(usable[order[:wanted]])


def unlike(
    store: PhotoStore, rows: NDArray[np.int64], held_out: PhotoStore, held_out_rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows without those whose photo, as it is kept, is a held-out one's, byte for byte.

    One that is kept at another size, as with ``data.val_path`` for photos from the hub, is not recognised.
    """
    import pyarrow.compute as pc  # comes with datasets

    known = {held_out.dataset[int(row)]["jpeg"] for row in held_out_rows}
    lengths = pc.binary_length(store.dataset.data.column("jpeg")).fill_null(0).to_numpy()
    alike = np.isin(lengths[rows], [len(jpeg) for jpeg in known])  # the rest need not be read
    same = np.array(
        [like and store.dataset[int(row)]["jpeg"] in known for row, like in zip(rows, alike, strict=True)],
        bool,
    )
    if same.any():
        logger.warning("%d photos are the same as held-out ones, and not trained on", same.sum())
    kept: NDArray[np.int64] = rows[~same]
    return kept
