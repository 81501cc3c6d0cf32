"""The photo's colours in a repainted picture.

Gatys et al. (2016), "Preserving Color in Neural Artistic Style Transfer", https://arxiv.org/abs/1606.05897.
"""

import numpy as np
from numpy.typing import NDArray

from fastnst.pixels import LUMA, Floats

_LEAST = 1e-5  # variance that colours are taken to have, of 1: a grey painting has none in two directions


def matched(painting: Floats, photo: Floats) -> Floats:
    """The painting with the mean and the covariance of the photo's colours: section 4.1.

    By symmetric roots, from eigenvalues: Cholesky's factors, the paper's other choice, depend on the order of
    the channels.

    Args:
        painting: ``(3, H, W)`` in [0, 1].
        photo: ``(3, h, w)`` in [0, 1].

    Returns:
        ``(3, H, W)``, clipped to [0, 1].
    """
    (mean, covariance), (wanted_mean, wanted) = _moments(painting), _moments(photo)
    change = _power(wanted, 0.5) @ _power(covariance, -0.5)
    flat = painting.reshape(3, -1).astype(np.float64)
    moved = change @ (flat - mean) + wanted_mean
    return moved.clip(0, 1).astype(np.float32).reshape(painting.shape)


def lightness(rgb: Floats, like: Floats | None = None) -> Floats:
    """The luma alone, in all three channels: section 4.2.

    Args:
        rgb: ``(3, H, W)``.
        like: whose mean and spread of luma to take on, as eq. 7 has it; None keeps its own.

    Returns:
        ``(3, H, W)``.
    """
    luma = _luma(rgb)
    if like is not None:
        wanted = _luma(like)
        luma = (luma - luma.mean()) * (wanted.std() / max(luma.std(), 1e-6)) + wanted.mean()
    return np.repeat(luma.clip(0, 1)[None], 3, axis=0)


def in_colours_of(photo: Floats, picture: Floats) -> Floats:
    """The photo with the picture's luma, ``(3, H, W)``: I and Q of YIQ stay, so R, G and B move alike."""
    return (photo + _luma(picture) - _luma(photo)).clip(0, 1).astype(np.float32)


def _luma(rgb: Floats) -> Floats:
    """``(H, W)``."""
    return np.tensordot(np.array(LUMA, np.float32), rgb, axes=1)


def _moments(rgb: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``(3, 1)`` and covariance ``(3, 3)`` of the colours."""
    flat = rgb.reshape(3, -1).astype(np.float64)
    return flat.mean(axis=1, keepdims=True), np.cov(flat, bias=True) + _LEAST * np.eye(3)


def _power(covariance: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """A power of a symmetric positive matrix, symmetric too."""
    values, vectors = np.linalg.eigh(covariance)
    power: NDArray[np.float64] = (vectors * values**exponent) @ vectors.T
    return power
