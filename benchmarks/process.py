"""Time and memory of a process, from the outside.

The peak that a system tells of a process begins with that of the one that started it. So commands are
started by this file as a process of its own, which holds next to nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Measured:
    """What a process took: ms until it has ended, ms of CPU time, MB of memory at its peak."""

    ms: float
    cpu_ms: float
    peak_mb: float


def measured(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run a command; what it prints is shown only if it fails, which ends this program."""
    between = [sys.executable, "-S", __file__, *command]
    done = subprocess.run(between, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return Measured(**json.loads(done.stdout))


def main() -> None:
    """Run the command in the arguments and print what it took as JSON."""
    start = perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    ms = (perf_counter() - start) * 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {
        "ms": ms,
        "cpu_ms": (used.ru_utime + used.ru_stime) * 1000,
        "peak_mb": used.ru_maxrss * unit / 1e6,
    }
    print(json.dumps(figures))
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
