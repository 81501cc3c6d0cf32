"""Where photos come from: files in folders, or a Hugging Face dataset read once, as a stream.

A source tells who it is (``identity``: the same list means the same photos), how many photos it has, and
hands them out in a fixed order from any place on. ``photo_store`` keeps what comes out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from fastnst import files, images
from fastnst.errors import DataError

logger = logging.getLogger(__name__)

PhotoStream = Generator[tuple[str, Path | bytes], None, None]  # names with files or encoded pictures

RUN = frozenset({".hydra", "calibration.json"})  # one of them is in every training's folder
MADE = frozenset({"samples", "strengths.png"})  # its contact sheets
ELSEWHERE = (
    "train on your own photos with data=folder data.path=FOLDER, or on the embedded ones with data=samples"
)


class FileSource:
    """Photos that are files, in the order given."""

    def __init__(self, paths: Sequence[Path], *, title: str) -> None:
        self.paths = list(paths)
        self.title = title
        self.total: int | None = len(self.paths)

    @property
    def identity(self) -> list[str]:
        """Every file with its size (bytes) and time of change (ns)."""
        return ["files", *(_file_identity(path) for path in self.paths)]

    def photos(self, start: int, checkpoint: dict[str, Any] | None) -> PhotoStream:
        """Names and files, from number ``start`` on."""
        for path in self.paths[start:]:
            yield str(path), path

    def checkpoint(self, row: int) -> dict[str, Any] | None:
        """Nothing: files are found by number."""
        return None


class HubSource:
    """Photos of a Hugging Face dataset, on the hub or in a local folder, read as a stream.

    Args:
        path: the dataset's name on the hub, or a folder that ``datasets.load_dataset`` reads.
        split: such as "train".
        column: the column that holds the pictures.
        limit: only the first so many photos; None for all.
    """

    def __init__(self, path: str, *, split: str, column: str, limit: int | None) -> None:
        local = Path(path).expanduser()
        self.path = str(local.resolve()) if local.is_dir() else path
        self.title = path
        self.split = split
        self.column = column
        self.limit = limit
        self.total = limit
        self._stream: Any = None

    @property
    def identity(self) -> list[str]:
        """The name and the choice of photos; of a local folder also its files, with sizes and times."""
        folder = Path(self.path)
        files = [_file_identity(file) for file in sorted(folder.rglob("*"))] if folder.is_dir() else []
        return ["hub", self.path, self.split, self.column, str(self.limit), *files]

    def photos(self, start: int, checkpoint: dict[str, Any] | None) -> PhotoStream:
        """Names and encoded pictures, from number ``start`` on.

        Args:
            start: photos to leave out.
            checkpoint: what ``checkpoint`` gave at or before ``start``: no file that ends before it is then
                downloaded again.

        Raises:
            DataError: the dataset cannot be found, reached or read, or has no such column.
        """
        row = start
        try:
            stream = self._stream = self._open()
            first = 0
            if checkpoint is not None:
                stream.load_state_dict(checkpoint["state"])
                first = int(checkpoint["row"])
            # what lies between the checkpoint and start is read and dropped, as stream.skip does from 0 on
            stop = None if self.limit is None else self.limit - first
            for row, item in enumerate(islice(stream, start - first, stop), start):
                value = item[self.column]
                yield _name(value) or f"{self.split}[{row}]", _encoded(value)
        except DataError:
            raise
        except Exception as err:  # whatever the hub, the network or a file format may raise
            reason = (str(err).strip() or type(err).__name__).splitlines()[0].rstrip(".")
            if row > start:
                raise DataError(
                    f"the stream of photos from {self.title} broke off after {row} photos ({reason}); "
                    "they are kept: the same command goes on from there"
                ) from err
            raise DataError(
                f"cannot read photos from {self.title}, split {self.split}: {reason}; {ELSEWHERE}"
            ) from err

    def checkpoint(self, row: int) -> dict[str, Any] | None:
        """Where the stream stands after ``row`` photos, as JSON."""
        return None if self._stream is None else {"row": row, "state": self._stream.state_dict()}

    def _open(self) -> Any:
        """The stream of the wanted column, its pictures left encoded: a corrupt one must not end it."""
        import datasets

        stream = datasets.load_dataset(self.path, split=self.split, streaming=True)
        columns = stream.column_names
        if columns is not None and self.column not in columns:
            raise DataError(
                f"{self.title} has no column {self.column!r}; data.column can be one of {', '.join(columns)}"
            )
        splits = stream.info.splits or {}
        if self.split in splits and (count := splits[self.split].num_examples):
            self.total = count if self.limit is None else min(count, self.limit)
        stream = stream.select_columns([self.column])
        if stream.features is None or isinstance(stream.features[self.column], datasets.Image):
            stream = stream.cast_column(self.column, datasets.Image(decode=False))
        return stream


def find(
    folders: Sequence[str],
    *,
    setting: str = "data.path",
    leave_out: Sequence[Path] = (),
    look_inside: bool = True,
) -> list[Path]:
    """Pictures in folders, at any depth, in the order of the folders and of their names.

    Args:
        folders: searched through symbolic links too, but each real folder once. Hidden files are left
            out, and contact sheets of trainings.
        setting: that names the folders.
        leave_out: files not to return, such as the held-out ones.
        look_inside: whether files are read, so that copies of those are not returned either.

    Raises:
        DataError: a folder is missing, or there is no picture.
    """
    found: dict[Path, Path] = {}  # real file -> as it was found
    seen: set[Path] = set()
    for text in folders:
        folder = Path(text).expanduser()
        if not text or not folder.is_dir():
            what = "is a file, not a folder" if folder.is_file() else "does not exist"
            raise DataError(f"the folder of photos {text!r} {what}; give one with {setting}=FOLDER")
        for path in _pictures(folder, seen):
            found.setdefault(path.resolve(), path)
    if not found:
        raise DataError(
            f"no photos in {', '.join(folders)}: no files that end in {', '.join(sorted(images.SUFFIXES))}"
        )
    for path in leave_out:
        found.pop(path.resolve(), None)
    copies = _copies(found.values(), leave_out) if look_inside else set()
    if copies:
        logger.warning("%d photos are copies of held-out ones, and not trained on", len(copies))
    if len(copies) == len(found):
        raise DataError(f"every photo in {', '.join(folders)} is held out: give others with {setting}=FOLDER")
    return [path for path in found.values() if path not in copies]


def _copies(paths: Iterable[Path], originals: Iterable[Path]) -> set[Path]:
    """Those of ``paths`` that have the very bytes of an original."""
    by_bytes: dict[int, set[str]] = {}
    for path in originals:
        with suppress(OSError):
            by_bytes.setdefault(path.stat().st_size, set()).add(files.sha256(path))
    copies = set()
    for path in paths:
        with suppress(OSError):
            same = by_bytes.get(path.stat().st_size)
            if same and files.sha256(path) in same:
                copies.add(path)
    return copies


def spread(paths: Sequence[Path], limit: int | None) -> list[Path]:
    """At most ``limit`` of ``paths``, evenly from first to last: each folder gives its part. None for all."""
    if limit is None or limit >= len(paths):
        return list(paths)
    return [paths[number * len(paths) // limit] for number in range(limit)]


def _pictures(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Files with a picture's suffix, but for trainings' sheets; ``seen`` ends loops of symbolic links."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = Path(parent).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        made = MADE if RUN & {*folders, *names} else frozenset()
        folders[:] = sorted(name for name in folders if name not in made and not name.startswith("."))
        for name in sorted(names):
            if name in made or name.startswith("."):
                continue
            if Path(name).suffix.lower() in images.SUFFIXES:
                yield Path(parent, name)


def _file_identity(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # a dangling link: its photo is skipped when it is read
        return f"{path.resolve()} missing"
    unreadable = "" if os.access(path, os.R_OK) else " unreadable"  # may be readable the next time
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}{unreadable}"


def _name(value: Any) -> str:
    return str(value.get("path") or "") if isinstance(value, dict) else ""


def _encoded(value: Any) -> bytes:
    """The picture file's bytes; empty, which no reader takes, where the column holds nothing.

    Raises:
        DataError: the column holds something else.
    """
    if isinstance(value, dict) and ("bytes" in value or "path" in value):
        value = value.get("bytes") or value.get("path")
    if value is None:
        return b""
    if isinstance(value, str):
        from datasets.utils.file_utils import xopen  # local paths and hf://, zip:// and the like

        with xopen(value, "rb") as file:
            return bytes(file.read())
    if isinstance(value, bytes):
        return value
    raise DataError(
        f"data.column holds no pictures but {type(value).__name__}; give another with data.column=NAME"
    )
