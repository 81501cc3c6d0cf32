"""Photos to train on: found, prepared once at training size, and divided."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnst import photo_sources, photo_store, samples
from fastnst.crops import HeldOutDataset, PhotoDataset
from fastnst.errors import ConfigError, DataError
from fastnst.photo_sources import FileSource, HubSource
from fastnst.photo_split import divided, unlike
from fastnst.photo_store import Skipped
from fastnst.progress import Report

if TYPE_CHECKING:
    from fastnst.settings import DataSettings

logger = logging.getLogger(__name__)

FEW = 200  # photos: with fewer, styles come out visibly poorer


@dataclass(frozen=True)
class Photos:
    """What a training sees: two parts that share no photo.

    Args:
        held_out: empty with one photo only.
        fingerprint: 16 hex digits over the content and the division of the photos; equal on any machine that
            prepares the same ones the same way.
    """

    train: PhotoDataset
    held_out: HeldOutDataset
    skipped: tuple[Skipped, ...]
    fingerprint: str
    source: str  # "hub: NAME", "folder" or "samples"
    folder: Path  # where the prepared photos lie

    def record(self) -> dict[str, Any]:
        """What a style file tells about its photos: no names or folders of the user's."""
        return {
            "source": self.source,
            "photos": len(self.train),
            "held_out": len(self.held_out),
            "skipped": len(self.skipped),
            "size": self.train.size,
            "fingerprint": self.fingerprint,
        }


def prepare(settings: DataSettings, *, seed: int, report: Report | None = None) -> Photos:
    """Prepare the photos, once: later calls with the same settings only open what was made.

    Args:
        settings: ``conf/data``.
        seed: of crops, flips and the choice of held-out photos.
        report: told of each photo that is prepared.

    Raises:
        ConfigError: ``settings.path`` does not fit ``settings.source``.
        DataError: there is no usable photo, or the source cannot be read.
        FastNSTError: the cache folder cannot be written.
    """
    held_out_files = _held_out_files(settings)
    kept = round(settings.size / settings.scale)  # the smallest crop is not enlarged: no learning from blur
    store = photo_store.build(
        _source(settings, held_out_files, look_inside=True), size=settings.size, kept=kept, report=report
    )
    if held_out_files:
        chosen = photo_sources.spread(held_out_files, settings.val_limit)
        source = FileSource(chosen, title=str(settings.val_path))
        held_out_store = photo_store.build(source, size=settings.size, kept=settings.size, report=report)
        rows, held_out_rows = store.usable, held_out_store.usable
        skipped = store.skipped + held_out_store.skipped
    else:
        held_out_store = store
        rows, held_out_rows = divided(store.usable, settings.val_limit, seed=seed)
        skipped = store.skipped
    rows = unlike(store, rows, held_out_store, held_out_rows)
    if not len(rows):
        raise DataError("no photo is left to train on: all are the same as held-out ones")
    _warn(len(rows), len(held_out_rows), skipped, store.folder, embedded=settings.source == "samples")
    division: list[Any] = [store.digest, held_out_store.digest, rows.tolist(), held_out_rows.tolist()]
    return Photos(
        train=PhotoDataset(
            store,
            rows,
            size=settings.size,
            scale=settings.scale,
            seed=seed,
            grain=settings.grain,
            margin=settings.margin,
        ),
        held_out=HeldOutDataset(held_out_store, held_out_rows, size=settings.size, grain=settings.grain),
        skipped=skipped,
        fingerprint=hashlib.sha256(repr(division).encode()).hexdigest()[:16],
        source=_public_name(settings),
        folder=store.folder,
    )


def check(settings: DataSettings) -> None:
    """Find out, before other work, whether folders of photos are there and hold some; no photo is read.

    Raises:
        ConfigError, DataError: as from ``prepare``.
    """
    _source(settings, _held_out_files(settings), look_inside=False)


def _held_out_files(settings: DataSettings) -> list[Path]:
    if settings.val_path is None:
        return []
    return photo_sources.find([settings.val_path], setting="data.val_path")


def _source(settings: DataSettings, held_out: list[Path], *, look_inside: bool) -> FileSource | HubSource:
    """What ``settings`` name; of folders without the held-out files, and without copies if they are read."""
    given = settings.path
    paths = [str(path) for path in given] if isinstance(given, (list, tuple)) else given and str(given)
    if settings.source == "samples":
        if paths:
            raise ConfigError("data.path is not read with data=samples: add data=folder")
        chosen = [samples.photo(name) for name in samples.CREDITS if name != samples.SHOWN]
        return FileSource(photo_sources.spread(chosen, settings.limit), title="the embedded photos")
    if settings.source == "folder":
        if not paths:
            raise ConfigError("data=folder needs data.path=FOLDER, or data.path=[FOLDER,FOLDER]")
        folders = [paths] if isinstance(paths, str) else paths
        found = photo_sources.find(folders, leave_out=held_out, look_inside=look_inside)
        return FileSource(photo_sources.spread(found, settings.limit), title=", ".join(folders))
    if not paths or not isinstance(paths, str):
        raise ConfigError(
            "data.source=hub needs one dataset: data.path=NAME/ON_THE_HUB, or a local folder of one"
        )
    local = Path(paths).expanduser().resolve()
    if any(local in path.resolve().parents for path in held_out):
        raise ConfigError("data.val_path lies in data.path: those photos would be trained on")
    return HubSource(paths, split=settings.split, column=settings.column, limit=settings.limit)


def _public_name(settings: DataSettings) -> str:
    """The source's name for a file that is passed on: nothing of the user's own folders."""
    if settings.source == "hub" and not Path(settings.path).expanduser().is_dir():
        return f"hub: {settings.path}"
    return "folder" if settings.source == "hub" else settings.source


def _warn(count: int, held_out: int, skipped: tuple[Skipped, ...], folder: Path, *, embedded: bool) -> None:
    """Say what is missing: photos that were skipped, and variety."""
    if skipped:
        named = "; ".join(photo.reason for photo in skipped[:3])  # each names its photo
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        where = f" (all in {folder / 'done.json'})" if more else ""
        photos = count + held_out + len(skipped)
        logger.warning("%d of %d photos skipped: %s%s%s", len(skipped), photos, named, more, where)
    if count < FEW and not embedded:
        logger.warning(
            "only %d photos to train on: styles come out better with %d or more, varied ones", count, FEW
        )
