"""VGG-19 as a fixed ruler: activations of a frozen network, by layer name, on one scale."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fastnst import winograd
from fastnst.errors import ConfigError, ImageError
from fastnst.vgg_weights import RELUS, VGGWeights

POOLINGS = ("max", "average")
PADDINGS = {"replicate": "replicate", "zeros": "constant"}
"""Names of ours, and of ``F.pad``."""

LAYERS = tuple(name for relu in RELUS for name in (relu.replace("relu", "conv"), relu))


def _block(layer: str) -> int:
    """Block of a layer: 3 for ``"relu3_2"``."""
    return int(layer[4])


def stride(layer: str) -> int:
    """How many px of a picture a position of a layer stands for, to each side."""
    return 1 << (_block(layer) - 1)


def reach(layer: str) -> int:
    """How many px around its own a position of a layer sees, at the most."""
    relus = RELUS[: LAYERS.index(layer) // 2 + 1]
    pools = stride(layer) - 1  # each pooling adds the stride before it, to one side
    return sum(stride(relu) for relu in relus) + pools


def _depth(layers: Collection[str]) -> int:
    """How many convolutions the deepest of ``layers`` needs."""
    return max((LAYERS.index(name) // 2 + 1 for name in layers), default=0)


class _FixedConv2d(torch.autograd.Function):
    """A 3x3 convolution by fixed weights, of a picture padded by one px.

    Padding and convolving one after the other would keep a padded copy of every activation for the gradient,
    half as much memory again; fixed weights need none.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, transformed: Tensor | None, bias: Tensor, padding: str
    ) -> Tensor:
        """``transformed`` is for ``winograd``, or None."""
        ctx.save_for_backward(weight, transformed)
        ctx.padding = padding
        if transformed is not None:
            return winograd.convolve(x, transformed, bias, padding)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=padding), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Of the picture."""
        weight, transformed = ctx.saved_tensors
        with torch.autocast(gradient.device.type, enabled=False):
            if transformed is not None:
                padded = winograd.gradient(gradient, transformed)
            else:
                padded = F.conv_transpose2d(gradient, weight)
        if ctx.padding == "replicate":
            for side in (padded, padded.transpose(2, 3)):
                side[:, :, 1] += side[:, :, 0]
                side[:, :, -2] += side[:, :, -1]
        return padded[:, :, 1:-1, 1:-1], None, None, None, None


class VGG19Features(nn.Module):
    """Activations of a frozen VGG-19, each layer divided by its mean over natural photos.

    It has no parameters: the weights are non-persistent buffers. They follow ``.to(device)``, but never
    reach an optimiser, a checkpoint or a parameter count. A ``relu`` layer is the output of the
    rectification, a ``conv`` layer its input; both are divided by the same number, the mean of the
    rectified layer. Gatys et al. (2016), section 2, rescale every filter so; one number a layer leaves the
    filters in the proportions that the network was trained with. Derivatives are first ones only.

    Args:
        weights: from ``fastnst.vgg_weights.load``.
        layers: names of the activations wanted, out of ``LAYERS``. Nothing past the deepest is computed.
        pooling: ``"max"``, as VGG was trained, or ``"average"``, as Gatys et al. advise for smoother ones.
        padding: of every convolution: ``"zeros"``, as VGG was trained, or ``"replicate"``. A picture that is
            fitted to what zeros do at the painting's edges gets a frame. The means are those with zeros.
        dtype: of the convolutions; activations come back in it.

    Raises:
        ConfigError: a name in ``layers`` is not a layer of VGG-19, or ``pooling`` or ``padding`` is unknown.
    """

    def __init__(
        self,
        weights: VGGWeights,
        layers: Collection[str],
        *,
        pooling: str = "max",
        padding: str = "zeros",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if unknown := sorted(set(layers) - set(LAYERS)):
            raise ConfigError(f"VGG-19 has no {', '.join(unknown)}; its layers are {', '.join(LAYERS)}")
        if not layers:
            raise ConfigError("no layer of VGG-19 is wanted: name at least one content or style layer")
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling must be 'max' or 'average', not {pooling!r}")
        if padding not in PADDINGS:
            raise ConfigError(f"padding must be 'replicate' or 'zeros', not {padding!r}")
        self.wanted = frozenset(layers)
        self.computed = RELUS[: _depth(layers)]
        self.pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
        self.padding = PADDINGS[padding]
        self._transformed: dict[str, Tensor] = {}  # for winograd, made when first used
        self.convention = weights.convention
        before = 1.0
        for relu in self.computed:
            conv, scale = relu.replace("relu", "conv"), weights.scales[pooling][relu]
            weight = weights.state[f"{conv}.weight"].detach() * (before / scale)
            bias = weights.state[f"{conv}.bias"].detach() / scale
            as_used = weight.to(dtype, memory_format=torch.channels_last)
            self.register_buffer(f"{conv}_weight", as_used, persistent=False)
            self.register_buffer(f"{conv}_bias", bias.to(dtype), persistent=False)
            before = scale

    def forward(self, images: Tensor, layers: Collection[str] | None = None) -> dict[str, Tensor]:
        """Activations of a batch.

        Args:
            images: ``(B, 3, H, W)``, RGB in [0, 1].
            layers: some of those given at the start; None for all of them.

        Returns:
            ``{layer: (B, C, H / s, W / s)}``, where ``s`` is 1, 2, 4, 8 or 16 for blocks 1 to 5.

        Raises:
            ImageError: a side is too short for the deepest layer.
        """
        wanted = self.wanted if layers is None else frozenset(layers)
        computed = self.computed[: _depth(wanted)]
        height, width = images.shape[-2:]
        min_size = stride(computed[-1]) if computed else 1  # px
        if min(height, width) < min_size:
            raise ImageError(
                f"picture is {width}x{height} px; {computed[-1]} needs at least {min_size} px a side"
            )
        first = self.conv1_1_weight
        x = self.convention.apply(images).to(first.dtype, memory_format=torch.channels_last)
        activations = {}
        with torch.autocast(x.device.type, enabled=False):
            for relu in computed:
                if relu.endswith("_1") and relu != "relu1_1":
                    x = self.pool(x, 2)
                conv = relu.replace("relu", "conv")
                x = self._convolve(x, conv)
                if conv in wanted:
                    activations[conv] = x
                x = F.relu(x, inplace=conv not in wanted)
                if relu in wanted:
                    activations[relu] = x
        return activations

    def _apply(self, *args: Any, **kwargs: Any) -> "VGG19Features":
        """Where the weights go, to another device or dtype, what was made of them does not follow."""
        self._transformed.clear()
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def _convolve(self, x: Tensor, conv: str) -> Tensor:
        weight, bias = getattr(self, f"{conv}_weight"), getattr(self, f"{conv}_bias")
        transformed = None
        if winograd.pays(weight, x):
            if conv not in self._transformed:
                with torch.inference_mode(False):  # or no gradient could ever be taken
                    self._transformed[conv] = winograd.transformed(weight)
            transformed = self._transformed[conv]
        elif self.padding == PADDINGS["zeros"]:
            return F.conv2d(x, weight, bias, padding=1)
        convolved: Tensor = _FixedConv2d.apply(x, weight, transformed, bias, self.padding)
        return convolved

    conv1_1_weight: Tensor  # (64, 3, 3, 3)


def mean_activations(weights: VGGWeights, pooling: str, photos: Collection[Tensor]) -> Mapping[str, float]:
    """Mean of every rectified layer over photos, before any scaling: what ``VGGWeights.scales`` holds.

    Args:
        weights: their ``scales`` are not used.
        pooling: as in ``VGG19Features``.
        photos: ``(1, 3, H, W)`` each, RGB in [0, 1].
    """
    plain = weights.unscaled()
    features = VGG19Features(plain, RELUS, pooling=pooling)
    sums = dict.fromkeys(RELUS, 0.0)
    with torch.inference_mode():
        for photo in photos:
            for layer, activation in features(photo).items():
                sums[layer] += activation.double().mean().item() / len(photos)
    return sums


def bfloat16_pays(device: str) -> bool:
    """Whether bfloat16 is faster than float32 on ``cpu``, ``cuda`` or ``mps``.

    On Intel's CPUs only by AMX: their AVX-512 alone takes longer for it (benchmarks/README.md).
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # of newer torch only
    by_vectors = capabilities.get("avx512_bf16") and not capabilities.get("cpu_name", "").startswith("Intel")
    return device == "cpu" and bool(capabilities.get("amx_bf16") or by_vectors)


def choose_dtype(precision: str, device: str) -> torch.dtype:
    """The dtype that ``vgg.precision`` asks for; ``auto`` takes bfloat16 where the hardware has it."""
    if precision == "auto":
        return torch.bfloat16 if bfloat16_pays(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
