import pytest
import torch

from fastnst import devices
from fastnst.errors import ConfigError, FastNSTError


def test_auto_is_a_device_that_is_here():
    assert str(devices.choose("auto")) in ("cpu", "cuda", "mps")


def test_a_device_that_is_not_here_is_named_with_those_that_are():
    with pytest.raises(ConfigError, match=r"there is no device 'cuda:99' here .*; there are .*cpu"):
        devices.choose("cuda:99")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
)
def test_running_out_of_memory_is_one_line_with_a_remedy(error):
    with (
        pytest.raises(FastNSTError, match=r"^not enough memory: try a smaller size$"),
        devices.enough_memory("try a smaller size"),
    ):
        raise error


def test_other_errors_pass():
    with (
        pytest.raises(RuntimeError, match="rank 4 tensor"),
        devices.enough_memory("try a smaller size"),
    ):
        raise RuntimeError("required rank 4 tensor to use channels_last memory format")
