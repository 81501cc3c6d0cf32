"""Files that are there whole or not at all, and the folder for what can be made again."""

import hashlib
import json
import math
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastnst.errors import FastNSTError

if sys.platform != "win32":
    import fcntl

_PARTIAL = re.compile(r"\..*-fastnst-[0-9a-f]{16}(\.\w+)?", re.DOTALL)  # a temporary name


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends well and deleted when it does not.

    A missing folder is made; the temporary name keeps the suffix, by which writers choose a format. A link is
    followed, its own suffix kept, and a file that was there keeps its permissions. What a killed process
    leaves half-written is removed by ``remove_abandoned``: until the block ends, a lock on the temporary file
    says that it is not.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    path = Path(path)
    suffix = path.suffix
    partial, descriptor = None, -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        if fault := _not_writable(path):
            raise FastNSTError(f"cannot write {path}: it is {fault}")
        partial = path.with_name(f".{path.stem[:40]}-fastnst-{os.urandom(8).hex()}{suffix}")
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)  # the umask is taken off
        if not _lock(descriptor):  # on Windows, which renames no open file, or where no file can be locked
            os.close(descriptor)
            descriptor = -1
        yield partial
        if path.exists():
            partial.chmod(stat.S_IMODE(path.stat().st_mode))
        partial.replace(path)
    except OSError as err:
        raise FastNSTError(f"cannot write {path}: {err.strerror or err}") from err
    finally:
        if partial is not None:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        if descriptor >= 0:
            os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    """Remove what ``atomic`` left half-written in a folder when its process was killed.

    A file that a process still writes is locked, and stays; so does one that cannot be removed.
    """
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if not _PARTIAL.fullmatch(path.name) or not path.is_file() or path.is_symlink():
                continue
            with suppress(OSError), path.open("rb+") as file:
                if _lock(file.fileno()):
                    path.unlink()


def _lock(descriptor: int) -> bool:
    """Whether an open file is locked from now on until it is closed, be it by the process's death."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_writable(path: str | Path) -> None:
    """Find out, before long work, whether ``atomic`` could write there; nothing is left behind.

    Raises:
        FastNSTError: the system refuses.
    """
    path = Path(path)
    try:
        if fault := _not_writable(path):
            raise FastNSTError(f"cannot write {path}: it is {fault}")
        nearest = next(folder for folder in path.absolute().parents if folder.exists())
        if not nearest.is_dir():
            raise FastNSTError(f"cannot write {path}: {nearest} is not a folder")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as err:
        raise FastNSTError(f"cannot write {path}: {err.strerror or err}") from err


def _not_writable(path: Path) -> str | None:
    """Why a rename to here would do harm: it would succeed over a read-only file, and even over /dev/null."""
    if not path.exists():
        return None
    if not path.is_file():
        return "a folder" if path.is_dir() else "not a regular file"
    return None if os.access(path, os.W_OK) else "read-only"


def typed_path(text: str) -> Path:
    """A path as a person types it: in ``out=~/style.safetensors`` no shell puts the home folder for ``~``."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 (a Path's own fails where there is no home folder)


def cache_dir() -> Path:
    """The folder for what can be made again: ``FASTNST_CACHE``, or fastnst's part of the user's cache."""
    if own := os.environ.get("FASTNST_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnst"


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a file whole, in ASCII, numbers that are infinite or NaN as null: JSON has no words for them.

    Raises:
        FastNSTError: it cannot be written.
    """
    text = json.dumps(_finite(value), indent=1, allow_nan=False)
    with atomic(path) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
