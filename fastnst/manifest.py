"""What an output folder remembers of its pictures, so that a run that was broken off can go on.

A hidden file of JSON lines, one appended for each picture::

    {"fastnst": 1, "output": "sea/1.jpg", "bytes": 81214, "photo": [310772, 1763712000123456789], "run": "9f"}

``photo`` is the photo's size in bytes and its time of change in ns; ``run`` stands for the style and the
settings. A picture is done if its newest line has all of these as they are now, and its file has these bytes.
Pictures appear by a rename; the line is written just before, when the file is whole under a temporary name: a
kill between the two leaves a line without its picture, which is no harm, never a picture without its line.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from fastnst import files
from fastnst.errors import ConfigError
from fastnst.plan import Job, Plan

logger = logging.getLogger(__name__)

FORMAT = 1
NAME = ".fastnst.jsonl"
START = b'{"fastnst": '


class Manifest:
    """The manifest of one output folder, read once and then appended to, from any thread.

    Args:
        folder: where the pictures go; it need not exist yet.
        settings: all that shapes a picture besides its photo, the style file's SHA-256 among it; JSON values.
        resume: whether the run goes on with what it finds. Otherwise a manifest that cannot be used is only
            a warning.

    Raises:
        ConfigError: what lies there is no manifest, or cannot be read; with ``resume`` only.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, resume: bool = False) -> None:
        self.path = folder / NAME
        self._run = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        self._lines: dict[str, dict[str, Any]] = {}  # the newest of each output
        self._torn = False  # whether the file ends in the middle of a line
        self._lock = Lock()
        self._usable = True
        try:
            self._read()
        except (OSError, ConfigError) as err:
            reason = f"cannot read {self.path}: {err.strerror}" if isinstance(err, OSError) else str(err)
            if resume:
                raise ConfigError(f"{reason}; without --resume all is done anew") from err
            logger.warning("%s; this run cannot be resumed", reason)
            self._usable = False

    def remaining(self, plan: Plan) -> Plan:
        """The plan without the pictures that are done; what killed runs left half-written is removed."""
        for folder in {job.output.parent for job in plan.jobs}:
            files.remove_abandoned(folder)
        return replace(plan, jobs=tuple(job for job in plan.jobs if not self._is_done(job)))

    def begin(self, job: Job) -> Callable[[Path], None]:
        """Look at a photo before it is read.

        Returns:
            What notes the picture, given its file when that is whole and still has a temporary name.
        """
        try:
            photo = _state(job.photo)
        except OSError:  # reading the photo will say why
            return lambda partial: None

        def note(partial: Path) -> None:
            line = {"fastnst": FORMAT, "output": self._name(job), "bytes": partial.stat().st_size}
            self._append(json.dumps({**line, "photo": photo, "run": self._run}))

        return note

    def _is_done(self, job: Job) -> bool:
        line = self._lines.get(self._name(job))
        if line is None or line["run"] != self._run:
            return False
        try:
            return bool(line["photo"] == _state(job.photo) and line["bytes"] == job.output.stat().st_size)
        except OSError:
            return False

    def _name(self, job: Job) -> str:
        return job.output.relative_to(self.path.parent).as_posix()

    def _read(self) -> None:
        """Take in the file's lines.

        Raises:
            OSError: it cannot be read.
            ConfigError: it is no manifest, or a newer one.
        """
        if not os.path.lexists(self.path):
            return
        if not self.path.is_file():
            raise ConfigError(f"{self.path} is not a manifest of fastnst")
        content = self.path.read_bytes()
        self._torn = bool(content) and not content.endswith(b"\n")
        damaged = 0
        for text in filter(None, content.split(b"\n")):
            line = _parsed(text)
            if line is None:
                damaged += not text.startswith(START[: len(text)])  # those that a kill broke off are expected
            elif line["fastnst"] > FORMAT:
                raise ConfigError(f"{self.path} is a newer fastnst's: pip install --upgrade fastnst")
            else:
                self._lines[line["output"]] = line
        if not self._lines and not content.startswith(START[: len(content)]):
            raise ConfigError(f"{self.path} is not a manifest of fastnst")
        if damaged:
            logger.warning("%s: %d of its lines are damaged and count for nothing", self.path, damaged)

    def _append(self, line: str) -> None:
        """Write one line, at once; a picture is worth more than its line, so failing is only a warning."""
        data = f"{line}\n".encode()
        with self._lock:
            if not self._usable:
                return
            try:
                with self.path.open("ab", buffering=0) as file:  # one write: lines of two processes never mix
                    self._torn = file.write(b"\n" + data if self._torn else data) < len(data)
            except OSError as err:
                logger.warning("cannot write %s: %s; this run cannot be resumed", self.path, err.strerror)
                self._usable = False


def _state(photo: Path) -> list[int]:
    """What changes when a photo does: its bytes and its time of change, ns."""
    status = photo.stat()
    return [status.st_size, status.st_mtime_ns]


def _parsed(text: bytes) -> dict[str, Any] | None:
    """A line that a fastnst has written, or None."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not isinstance(line.get("fastnst"), int):
        return None
    if line["fastnst"] > FORMAT:
        return line
    kinds = {"output": str, "bytes": int, "photo": list, "run": str}
    return line if all(isinstance(line.get(key), kind) for key, kind in kinds.items()) else None
