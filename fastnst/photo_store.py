"""Photos kept at training size: made once from a source, then local, offline and at once there.

A store is a folder of numbered Arrow files. Each row stands for one photo of the source, in its order: its
JPEG, or the reason why it is left out. So the number of rows tells where a broken-off run goes on.
``done.json`` says that it is complete.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastnst import files, images
from fastnst.errors import DataError, FastNSTError, ImageError
from fastnst.pixels import quiet_pillow
from fastnst.progress import Progress, Report

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

FORMAT = 1  # raised when stores made before can no longer be used
ROWS = 256  # photos per Arrow file: what a killed run may lose
QUALITY = 95  # of the JPEGs
PASSING = {errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EMFILE}  # no fault of the photo's


class Source(Protocol):
    """What a store is made from (``photo_sources``)."""

    title: str
    total: int | None

    @property
    def identity(self) -> list[str]: ...  # noqa: D102

    def photos(  # noqa: D102
        self, start: int, checkpoint: dict[str, Any] | None
    ) -> Generator[tuple[str, Path | bytes], None, None]: ...

    def checkpoint(self, row: int) -> dict[str, Any] | None: ...  # noqa: D102


@dataclass(frozen=True)
class Skipped:
    """A photo that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PhotoStore:
    """The photos of one source: ``dataset[int(usable[i])]["jpeg"]`` is the i-th one's JPEG."""

    folder: Path
    dataset: Dataset
    usable: NDArray[np.int64]  # rows of the dataset that hold a photo
    skipped: tuple[Skipped, ...]
    digest: str  # SHA-256 over all JPEGs


def build(source: Source, *, size: int, kept: int, report: Report | None = None) -> PhotoStore:
    """The store of ``source``: opened where it is complete, else finished.

    Args:
        source: asked for photos only where the store is not complete.
        size: px, side of the square crops to be cut. Photos with a shorter side below
            ``smallest_side(size)`` are skipped.
        kept: px, to which longer ones' shorter side is reduced.
        report: told of each photo.

    Raises:
        DataError: the source cannot be read, or has no usable photo.
        FastNSTError: the cache folder cannot be written.
    """
    text = json.dumps([FORMAT, QUALITY, size, kept, *source.identity])
    folder = files.cache_dir().absolute() / "photos" / hashlib.sha256(text.encode()).hexdigest()[:16]
    done = folder / "done.json"
    with quiet_datasets():
        if not done.is_file():
            with _alone(folder):
                if not done.is_file():  # another run may have finished it meanwhile
                    _fill(folder, source, size=size, kept=kept, report=report)
                    _finish(folder, source)
        return _load(folder)


def smallest_side(size: int) -> int:
    """Px that a photo's shorter side must have: enlarged from less, a crop of ``size`` px has no detail."""
    return max(min(size, 64), size // 4)


def _fill(folder: Path, source: Source, *, size: int, kept: int, report: Report | None) -> None:
    """Write what is missing; whatever breaks this off, what was made so far is kept."""
    for leftover in folder.glob(".photos-*"):  # of a killed run; nobody else writes here now
        leftover.unlink(missing_ok=True)
    row = _rows(folder)
    pending: list[dict[str, Any]] = []
    checkpoint = folder / "checkpoint.json"
    try:
        resumed = json.loads(checkpoint.read_text()) if row and checkpoint.is_file() else None
        with contextlib.closing(source.photos(row, resumed)) as photos, TemporaryDirectory() as scratch:
            for name, encoded in photos:
                pending.append(_prepared(name, encoded, Path(scratch, "photo"), size=size, kept=kept))
                if len(pending) == ROWS:
                    _write(folder, row, pending)
                    row, pending = row + len(pending), []
                    if (state := source.checkpoint(row)) is not None:
                        files.write_json(checkpoint, state)
                if report is not None:
                    report(Progress("preparing photos", row + len(pending), source.total, "photos"))
    finally:
        if pending:
            _write(folder, row, pending)


def _prepared(name: str, encoded: Path | bytes, scratch: Path, *, size: int, kept: int) -> dict[str, Any]:
    """One row of the store: a JPEG with its shorter side reduced, or the reason for none."""
    if isinstance(encoded, bytes):
        scratch.write_bytes(encoded)
    path = scratch if isinstance(encoded, bytes) else encoded
    try:
        picture = images.read(path, size=_longer_side(path, kept))
    except ImageError as err:
        if getattr(err.__cause__, "errno", None) in PASSING:
            raise DataError(
                f"{str(err).replace(str(path), name)}; the same command goes on from there"
            ) from err
        return {"name": name, "jpeg": None, "reason": str(err).replace(str(path), name)}
    if min(picture.height, picture.width) < (least := smallest_side(size)):
        reason = (
            f"{name} is too small: {picture.width}x{picture.height} px, and {least}x{least} px are needed"
        )
        return {"name": name, "jpeg": None, "reason": reason}
    rgb = picture.rgb if picture.alpha is None else picture.rgb * picture.alpha + (1 - picture.alpha)
    buffer = io.BytesIO()
    images.to_pil(rgb).save(buffer, "JPEG", quality=QUALITY)
    return {"name": name, "jpeg": buffer.getvalue(), "reason": ""}


def _longer_side(path: Path, shorter: int) -> int | None:
    """The longer side, px, at which the shorter one is reduced to ``shorter``; None to leave it."""
    try:
        with quiet_pillow(), Image.open(path) as image:  # the header only; images.read has its own limit
            low, high = sorted(image.size)
    except Exception:  # images.read says what is wrong
        return None
    return round(high * shorter / low) if low > shorter else None


def _write(folder: Path, row: int, rows: list[dict[str, Any]]) -> None:
    """Write rows, of which the first has the number ``row``, as one more Arrow file."""
    from datasets import Features, Value
    from datasets.arrow_writer import ArrowWriter

    features = Features({"name": Value("string"), "jpeg": Value("binary"), "reason": Value("string")})
    with files.atomic(folder / f"photos-{row:08d}.arrow") as partial:
        writer = ArrowWriter(path=str(partial), features=features)
        for entry in rows:
            writer.write(entry)
        writer.finalize()


def _tables(folder: Path) -> list[Dataset]:
    """The Arrow files that follow one another without a gap, memory-mapped."""
    from datasets import Dataset

    tables: list[Dataset] = []
    row = 0
    for path in sorted(folder.glob("photos-*.arrow")):
        if path.stem != f"photos-{row:08d}":
            break
        try:
            tables.append(Dataset.from_file(str(path)))
        except (OSError, ValueError) as err:  # ValueError: also what Arrow and JSON raise
            raise _damaged(folder) from err
        row += len(tables[-1])
    return tables


def _damaged(folder: Path) -> DataError:
    return DataError(f"the prepared photos in {folder} are damaged: delete that folder, they are made again")


def _rows(folder: Path) -> int:
    return sum(len(table) for table in _tables(folder))


def _finish(folder: Path, source: Source) -> None:
    """Count, list and sign what was made.

    Raises:
        DataError: there is no usable photo.
    """
    digest = hashlib.sha256()
    photos = 0
    skipped: list[Skipped] = []
    for table in _tables(folder):
        for row in table:
            if row["jpeg"] is None:
                skipped.append(Skipped(row["name"], row["reason"]))
            else:
                digest.update(hashlib.sha256(row["jpeg"]).digest())
                photos += 1
    if not photos:
        first = f", the first because {skipped[0].reason}" if skipped else ""
        raise DataError(f"no usable photo in {source.title}: {len(skipped)} skipped{first}")
    record = {
        "photos": photos,
        "sha256": digest.hexdigest(),
        "skipped": [{"name": photo.name, "reason": photo.reason} for photo in skipped],
    }
    files.write_json(folder / "done.json", record)


def _load(folder: Path) -> PhotoStore:
    from datasets import concatenate_datasets

    try:
        record = json.loads((folder / "done.json").read_text())
        dataset = concatenate_datasets(_tables(folder))
        reasons = dataset.data.column("reason").to_pylist()
        usable = np.array([row for row, reason in enumerate(reasons) if not reason], dtype=np.int64)
        skipped = tuple(Skipped(**photo) for photo in record["skipped"])
        if len(usable) != record["photos"]:
            raise ValueError("some Arrow files are missing")
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise _damaged(folder) from err
    return PhotoStore(folder, dataset, usable, skipped, record["sha256"])


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: of two runs that want the same photos one makes them and the other waits."""
    from filelock import FileLock, Timeout  # comes with datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("another run is preparing the same photos; waiting for it")
            lock.acquire()
    except OSError as err:
        raise FastNSTError(f"cannot write {folder}: {err.strerror or err}") from err
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def quiet_datasets() -> Iterator[None]:
    """Without the bars that datasets and the hub draw themselves: fastnst reports its own progress."""
    import datasets
    from huggingface_hub import utils as hub

    libraries: list[Any] = [datasets, hub]
    loud = [library for library in libraries if not library.are_progress_bars_disabled()]
    for library in loud:
        library.disable_progress_bars()
    try:
        yield
    finally:
        for library in loud:
            library.enable_progress_bars()
