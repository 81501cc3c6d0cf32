"""Files that are there whole or not at all, and the folder for what can be made again."""

import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastnst.errors import FastNSTError


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends well and deleted when it does not.

    A missing folder is made; the temporary name keeps the suffix, by which writers choose a format. A link is
    followed, and a file that was there keeps its permissions.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    path = Path(path)
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        if fault := _not_writable(path):
            raise FastNSTError(f"cannot write {path}: it is {fault}")
        name = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}{path.suffix}")
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the system takes the umask off
        partial = name
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
