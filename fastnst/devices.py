"""Where torch computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fastnst.errors import ConfigError, FastNSTError


def choose(name: str) -> torch.device:
    """The device of that name, sure to be here.

    Args:
        name: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        ConfigError: it is not here.
    """
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = [*["cuda"] * bool(cuda), *["mps"] * torch.backends.mps.is_available(), "cpu"]
    if name == "auto":
        return torch.device(here[0])
    here += [f"cuda:{index}" for index in range(cuda)]
    if name not in here:
        raise ConfigError(
            f"there is no device {name!r} here (PyTorch {torch.__version__}); there are {', '.join(here)}"
        )
    return torch.device(name)


@contextmanager
def enough_memory(remedy: str) -> Iterator[None]:
    """Inside the block, running out of memory, of the machine or of a GPU, becomes one line with a remedy.

    Raises:
        FastNSTError: it did.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as err:
        told = ("out of memory", "allocate memory")  # as CUDA and MPS say, and the CPU
        if not isinstance(err, MemoryError) and not any(words in str(err) for words in told):
            raise
        raise FastNSTError(f"not enough memory: {remedy}") from err
