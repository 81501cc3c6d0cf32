"""How much memory one process takes for one picture: measured in a process that does nothing else."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastnst import memory
from fastnst.contestants import Contestant, Runner, opened
from fastnst.errors import ImageError

logger = logging.getLogger(__name__)

START = "from fastnst.peak_memory import main; main()"


def peaks(contestant: Contestant, jobs: Sequence[tuple[int, int]]) -> list[float | None]:
    """Peak resident memory of a process that opens a contestant and stylises once, in MB.

    One process does all jobs, the small ones first, and its peak is read after each.

    Args:
        contestant: what to run.
        jobs: side in px and pictures in a batch.

    Returns:
        One figure for each job; None for what the memory did not suffice for, where the system does not
        tell, or where the process failed, which is logged.
    """
    order = sorted(set(jobs), key=lambda job: job[0] ** 2 * job[1])
    done = subprocess.run(
        [sys.executable, "-c", START],
        input=json.dumps({"contestant": asdict(contestant), "jobs": order}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        logger.warning(
            "the memory of %s in %s was not measured: %s", contestant.network, contestant.engine, last
        )
        return [None for _ in jobs]
    found = dict(zip(order, json.loads(done.stdout.splitlines()[-1]), strict=True))
    return [found[job] for job in jobs]


def main() -> None:
    """The process: a contestant and jobs as JSON on stdin, MB as a JSON list on stdout."""
    asked = json.load(sys.stdin)
    runner = opened(Contestant(**asked["contestant"]))
    found = [_peak_mb(runner, size, batch) for size, batch in asked["jobs"]]
    sys.stdout.write(json.dumps(found) + "\n")


def _peak_mb(runner: Runner, size: int, batch: int) -> float | None:
    try:
        runner.stylise(noise(size, batch))
    except ImageError:
        return None
    peak = resident_peak()
    return None if peak is None else round(peak / 1e6, 1)


def resident_peak() -> int | None:
    """Bytes that this process has held in memory at most, where the system tells.

    Linux's ru_maxrss begins with the peak of the process that started this one, VmHWM does not.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def reset_peak() -> bool:
    """Let ``resident_peak`` begin anew; False where the system does not: Linux does."""
    memory.give_back()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def noise(size: int, batch: int) -> NDArray[np.uint8]:
    """Pictures ``(B, size, size, 3)``, the same in every run."""
    return np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
