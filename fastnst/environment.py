"""Where and with what something was measured."""

import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastnst import __version__


def describe(
    device: str = "cpu", *, packages: Sequence[str] = ("torch", "openvino", "numpy")
) -> dict[str, Any]:
    """Date, commit, versions and hardware, for a measurement's JSON.

    Args:
        device: that computed, such as "cpu" or "cuda:0".
        packages: whose versions count; those that are not installed are left out.
    """
    versions = {"fastnst": __version__, "python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    found = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": versions,
        "cpu": _cpu(),
    }
    if device.startswith("cuda"):
        import torch

        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def _commit() -> str | None:
    """The checkout's commit, "-dirty" where files differ from it; None outside a checkout of fastnst."""
    folder = Path(__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _cpu() -> str:
    """The processor's name, with how many of them the system shows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.machine()
