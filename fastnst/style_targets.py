"""What a style's network was trained to match, in its own file: its painting's Gram matrices, made small.

A Gram matrix is symmetric and positive, and a painting's is close to one of low rank. So it is stored as
the factor F of its nearest ``F Fᵀ`` with ``RANK`` columns (Eckart & Young, 1936). Of three shipped styles'
pictures of one photo that moved the style loss of any layer by at most 3 % and the total by at most 0.5 %.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from fastnst.errors import ConfigError, StyleFileError
from fastnst.style_file import TARGET, Style
from fastnst.vgg_weights import VGGWeights

RANK = 48  # 142 kB a style; 64 takes 184 kB and halves the error


def factors(target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """For a style file, of ``loss.style_target(painting)``: ``{"target/relu1_1": (C, RANK), ...}``."""
    stored = {}
    for layer, gram in target.items():
        values, vectors = torch.linalg.eigh(gram[0].double().cpu())  # ascending
        stored[TARGET + layer] = (vectors[:, -RANK:] * values[-RANK:].clamp_min(0).sqrt()).float()
    return stored


def stored(style: Style, weights: VGGWeights) -> dict[str, Tensor]:
    """The Gram matrices of a style's painting, ``{layer: (1, C, C)}``, as near as the file has them.

    Args:
        style: the style.
        weights: VGG-19's, which must be those that it was trained with.

    Raises:
        ConfigError: the file has none, or for other weights.
        StyleFileError: the weights cannot be read, or are not those of the layers that the record names.
    """
    found = {
        name.removeprefix(TARGET): torch.from_numpy(values)
        for name, values in style.stored().items()
        if name.startswith(TARGET)
    }
    if "blend" in style.record:
        raise ConfigError(
            f"{style.path} is a blend, which was trained for nothing: use one of its two styles"
        )
    if not found:
        raise ConfigError(f"{style.path} does not hold what its network was trained to match")
    check_weights(style, weights)
    wanted = style.record.get("loss", {}).get("style_layers", {})
    if found.keys() != wanted.keys() or any(factor.ndim != 2 for factor in found.values()):
        raise StyleFileError(f"{style.path} is damaged: its targets are not those of its loss")
    return {layer: (factor @ factor.T)[None] for layer, factor in found.items()}


def check_weights(style: Style, weights: VGGWeights) -> None:
    """See that losses by these weights are those that the style was trained for, if its record tells.

    Raises:
        ConfigError: it was trained by others.
    """
    if style.record.get("training", {}).get("vgg_sha256", weights.sha256) != weights.sha256:
        raise ConfigError(f"{style.path} was trained by other weights of VGG-19 than these: see vgg.weights")
