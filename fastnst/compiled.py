"""Compiled models, kept in the user's cache folder so that the next start need not compile.

A file holds a graph and numbers, no machine code; but OpenVINO's parser is not made for what strangers send.
So a file is read only if it belongs to the user (or to root) and nobody else may write it, and only if the
SHA-256 in front is that of the rest. Whatever is wrong with a file or with the folder, the model is compiled
anew.
"""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from fastnst.errors import FastNSTError
from fastnst.files import atomic, cache_dir

FOLDER = "compiled"
SUFFIX = ".blob"
LIMIT = 256 << 20
"""Bytes: beyond them the models that were made first are deleted."""


def key(*parts: object) -> str:
    """A name for what was compiled, from all that it depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def read(name: str) -> bytes | None:
    """What ``write`` kept under a name, unless it is not there, damaged, or not the user's own."""
    try:
        with _path(name).open("rb") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and (
                status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            ):
                return None
            digest, blob = file.read(32), file.read()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None
    return blob if digest == _digest(name, blob) else None


def write(name: str, blob: bytes) -> None:
    """Keep a compiled model, whole or not at all; where the system refuses, nothing happens."""
    with suppress(FastNSTError, OSError, RuntimeError):
        path = _path(name)
        with atomic(path) as partial:
            partial.write_bytes(_digest(name, blob) + blob)
            partial.chmod(0o600)
        _prune(path)


def _prune(newest: Path) -> None:
    """Delete the oldest files until the rest are within the limit."""
    found = [(path.stat(), path) for path in newest.parent.glob(f"*{SUFFIX}")]
    total = sum(status.st_size for status, _ in found)
    for status, path in sorted(found, key=lambda item: item[0].st_mtime):
        if total <= LIMIT:
            return
        if path != newest:
            path.unlink(missing_ok=True)
            total -= status.st_size


def _path(name: str) -> Path:
    return cache_dir() / FOLDER / f"{name}{SUFFIX}"


def _digest(name: str, blob: bytes) -> bytes:
    """Of both, so that a file under another's name is not taken for it."""
    return hashlib.sha256(name.encode() + blob).digest()
