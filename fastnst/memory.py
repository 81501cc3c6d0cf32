"""How much memory there is, what to say where it is not enough, and keeping what was freed."""

import re
from pathlib import Path
from typing import Any

from fastnst.errors import ConfigError, ImageError

DEFAULT = 2_000_000_000
"""Bytes: with more, pictures would be done no quicker on a CPU."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_kept = False
CGROUP = Path("/sys/fs/cgroup")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def size_in_bytes(text: str) -> int:
    """Bytes of a size as people write it: 2GB, 1.5 GiB, 500M.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if found is None or not (found[2] or not found[3]):
        raise ConfigError(f"{text!r} is no size of memory: write 2GB or 500MB")
    unit = 1024 ** "kmgt".index(found[2]) * 1024 if found[3] else _UNITS[found[2]]
    size = int(float(found[1]) * unit)
    if size < 1:
        raise ConfigError(f"{text!r} is no size of memory: write 2GB or 500MB")
    return size


def free_memory() -> int | None:
    """Bytes of memory that this process may still take, where the system (Linux) tells."""
    give_back()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    try:  # a container's own limit; files that were read are given up when memory is wanted
        limit, used, details = (
            (CGROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat")
        )
        cached = sum(map(int, re.findall(r"^(?:in)?active_file (\d+)$", details, re.MULTILINE)))
        free.append(max(0, int(limit) - int(used) + cached))
    except (OSError, ValueError):
        pass
    return min(free, default=None)


def budget() -> int:
    """Bytes to get along with where nobody says: half of what is free, ``DEFAULT`` at the most."""
    free = free_memory()
    return DEFAULT if free is None else min(free // 2, DEFAULT)


def check_fits(shape: tuple[int, ...], pixel_bytes: float) -> None:
    """Find out before the work whether a batch fits: a system out of memory kills without a word.

    Args:
        shape: of the pictures, ``(B, H, W, 3)``.
        pixel_bytes: about how many bytes a px takes.

    Raises:
        ImageError: it does not.
    """
    batch_size, height, width, _ = shape
    free = free_memory()
    if free is not None and batch_size * height * width * pixel_bytes > free:
        raise ImageError(too_large(height, width, int(free / pixel_bytes) // batch_size))


def too_large(height: int, width: int, pixels: int | None = None) -> str:
    """What to say of a picture that needs more memory than there is, with a size for which there is enough.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        pixels: how many there is memory for, when that is known.
    """
    share = (pixels / (height * width)) ** 0.5 if pixels is not None else 0.5
    size = max(16, int(max(height, width) * share) // 16 * 16)
    return f"not enough memory for {width}x{height} px; try --size {size}"


def keep_freed() -> None:
    """Have this process keep memory that it freed, where the C library can (glibc). For commands.

    glibc gives every large block back and asks for it anew, and the system clears it, page by page: some
    70,000 pages for each evaluation of a loss on a picture of 512x512 px, a sixth of its time or more.
    """
    global _kept
    if mallopt := _of_glibc("mallopt"):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        _kept = True


def give_back() -> None:
    """Give what ``keep_freed`` has kept so far back to the system, for whom asks how much there is."""
    if _kept and (trim := _of_glibc("malloc_trim")):
        trim(0)


def _of_glibc(name: str) -> Any:
    """A function of the C library; None where there is none."""
    import ctypes  # no photo is stylised with it

    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # Windows has no library of that kind
        return None
