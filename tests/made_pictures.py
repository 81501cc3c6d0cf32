"""Pictures, profiles and broken files that the tests make for themselves."""

import os
import struct
import zlib

import numpy as np
from PIL import ImageCms

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LEVEL = 1.01 / 255  # one of 256, and a rounding


def noise(height=13, width=21, channels=3, seed=0):
    """Bytes (H, W, C)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width):
    """RGB (3, H, W) with gradients and waves: survives resampling and JPEG."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([x, y, 0.5 + 0.4 * np.sin(6 * x + 4 * y)]).astype(np.float32)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def planes(array):
    """Bytes (H, W, 3) as RGB (3, H, W) in [0, 1]."""
    return array.transpose(2, 0, 1).astype(np.float32) / 255


def icc(space, connection, tags):
    """A version 2 ICC profile by hand: header, tag table, tags."""
    body, table, offset = b"", struct.pack(">I", len(tags)), 132 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", offset + len(body), 0x02100000, b"prtr", space, connection, b"acsp"
    )
    return head + white + b"\0" * 48 + table + body


XYZ_D50 = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
LINEAR_GREY = icc(b"GRAY", b"XYZ ", {b"wtpt": XYZ_D50, b"kTRC": struct.pack(">4s4xIH", b"curv", 1, 256)})
LAB_OF_INKS = bytes(  # lightness falls with ink; cyan, and nothing else, is green
    value
    for c, m, y, k in np.ndindex(2, 2, 2, 2)
    for value in (255 // (1 + c + m + y + 3 * k), 128 - 60 * c, 128)
)
RAMP = bytes(range(256))
LUT = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
INKS = icc(b"CMYK", b"Lab ", {b"wtpt": XYZ_D50, b"A2B0": LUT + 4 * RAMP + LAB_OF_INKS + 3 * RAMP})
RED_IS_BLUE = SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def bomb(path, width, height):
    """A PNG of a few bytes whose header claims any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path
