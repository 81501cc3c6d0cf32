"""What people run today: a plain script in the form of PyTorch's fast_neural_style example, network and all.

``python usual_example.py photo.jpg out.jpg``: torch and torchvision imported, a Johnson network of width 32
made, one photo repainted in eager float32, the picture saved. Its weights are random, since only time is
measured; the example reads them from a file, which would come on top.
"""

import sys

import torch
from PIL import Image
from torch import nn
from torchvision import transforms


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution on a reflected border."""
    return nn.Sequential(nn.ReflectionPad2d(size // 2), nn.Conv2d(inputs, outputs, size, stride))


def painted(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution, normalised and rectified."""
    norm = nn.InstanceNorm2d(outputs, affine=True)
    return nn.Sequential(convolution(inputs, outputs, size, stride), norm, nn.ReLU())


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.InstanceNorm2d(channels, affine=True)
        self.branch = nn.Sequential(painted(channels, channels, 3), convolution(channels, channels, 3), last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, C, H, W)`` to the same."""
        branch: torch.Tensor = self.branch(x)
        return x + branch


def johnson() -> nn.Sequential:
    """Johnson et al. (2016), as the example has it."""
    return nn.Sequential(
        painted(3, 32, 9),
        painted(32, 64, 3, 2),
        painted(64, 128, 3, 2),
        *(Block(128) for _ in range(5)),
        nn.Upsample(scale_factor=2),
        painted(128, 64, 3),
        nn.Upsample(scale_factor=2),
        painted(64, 32, 3),
        convolution(32, 3, 9),
    )


def main() -> None:
    """Repaint one photo."""
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda photo: photo * 255)])
    photo = to_tensor(Image.open(sys.argv[1]).convert("RGB"))[None]
    with torch.no_grad():
        picture = johnson()(photo)[0].clamp(0, 255)
    Image.fromarray(picture.numpy().transpose(1, 2, 0).astype("uint8")).save(sys.argv[2])


if __name__ == "__main__":
    main()
