"""What is voted on: the pictures that several methods made of the same photos.

They come from folders of equal file names, one a method, or from folders that ``fastnst compare`` wrote. A
picture is known by its bytes: rename a method, and its votes stay; make its pictures anew, and it has none.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from fastnst import files, inputs
from fastnst.compare_results import FORMAT, RESULTS
from fastnst.errors import ContestError
from fastnst.opening import MAX_PIXELS, opened

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture's file, and the SHA-256 of its bytes, which tells nobody what it is called."""

    path: Path
    id: str


@dataclass(frozen=True)
class Motif:
    """One photo in the style of one painting.

    Args:
        photo: its name.
        painting: its title; empty where nobody said it.
        pictures: what each method made of it.
        originals: the "photo" and the "painting" themselves, those of them that are there.
    """

    photo: str
    painting: str
    pictures: Mapping[str, Picture]
    originals: Mapping[str, Picture]


@dataclass(frozen=True)
class Pair:
    """Two methods' pictures of one motif."""

    motif: Motif
    methods: tuple[str, str]

    @property
    def pictures(self) -> tuple[Picture, Picture]:
        """The methods' pictures, in their order."""
        first, second = self.methods
        return self.motif.pictures[first], self.motif.pictures[second]


@dataclass(frozen=True)
class Contest:
    """All that is voted on; at least one pair."""

    motifs: Sequence[Motif]

    @cached_property
    def methods(self) -> list[str]:
        """The methods' names, in alphabetical order."""
        return sorted({method for pair in self.pairs.values() for method in pair.methods})

    @cached_property
    def pairs(self) -> dict[frozenset[str], Pair]:
        """Every two pictures of a motif that differ, by their ids."""
        pairs = [Pair(motif, two) for motif in self.motifs for two in combinations(sorted(motif.pictures), 2)]
        found = {frozenset(picture.id for picture in pair.pictures): pair for pair in pairs}
        return {ids: pair for ids, pair in found.items() if len(ids) == 2}

    @cached_property
    def files(self) -> dict[str, Picture]:
        """Every picture by its id, photos and paintings too."""
        shown = [picture for motif in self.motifs for picture in motif.pictures.values()]
        shown += [picture for motif in self.motifs for picture in motif.originals.values()]
        return {picture.id: picture for picture in shown}


def read(results: Sequence[Path], *, photos: Path | None = None, painting: Path | None = None) -> Contest:
    """The contest that folders of results make.

    Args:
        results: each one method's pictures, called as the folder is; or what ``fastnst compare`` wrote, with
            any number of methods.
        photos: the folder of the original photos, to be shown beside pictures of the first kind.
        painting: the painting's picture, to be shown beside them.

    Raises:
        ContestError: there is nothing to compare, or a folder's record is damaged.
        ImageError: a picture cannot be read.
    """
    for folder in results:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "is not there"
            raise ContestError(f"{folder} {what}: vote takes folders of pictures, one a method")
    compared = [folder for folder in results if (folder / RESULTS).exists()]
    motifs = [motif for folder in compared for motif in _compared(folder)]
    plain = [folder for folder in results if folder not in compared]
    if plain:
        motifs += _motifs(plain, photos, painting)
    elif photos or painting:
        raise ContestError("a comparison has its own photos and paintings: leave out --photos and --painting")
    contest = Contest(motifs)
    if not contest.pairs:
        methods = sorted({method for motif in motifs for method in motif.pictures})
        if len(methods) == 1:
            raise ContestError(f"there is one method only, {methods[0]}: vote compares at least two")
        raise ContestError(f"{' and '.join(methods)} made no two different pictures of one photo")
    return contest


def _motifs(folders: Sequence[Path], photos: Path | None, painting: Path | None) -> list[Motif]:
    """What is in at least two of the folders, by names without suffix."""
    methods: dict[str, dict[str, Path]] = {}
    for folder in folders:
        name = Path(os.path.realpath(folder)).name
        if name in methods:
            raise ContestError(
                f"two folders are called {name}, as their methods would be: rename one of them"
            )
        methods[name] = _named(folder)
    if len(methods) == 1:
        raise ContestError(f"there is one method only, {name}: give a folder of pictures for each")
    found = Counter(name for pictures in methods.values() for name in pictures)
    common = [name for name, count in found.items() if count > 1]
    if not common:
        raise ContestError(
            f"{' and '.join(methods)} have no file name in common: a photo's pictures need one name in all"
        )
    if alone := len(found) - len(common):
        logger.warning("pictures that are in one folder only are left out: %d", alone)
    originals = {} if photos is None else _named(photos)
    if photos is not None and not originals.keys() & set(common):
        raise ContestError(f"no photo in {photos} has the name of a picture, such as {common[0]}")
    shown = {} if painting is None else {"painting": _picture(painting)}
    return [
        Motif(
            name,
            "" if painting is None else painting.stem.replace("_", " "),
            {method: _picture(named[name]) for method, named in methods.items() if name in named},
            {**shown, **({"photo": _picture(originals[name])} if name in originals else {})},
        )
        for name in common
    ]


def _named(folder: Path) -> dict[str, Path]:
    """The pictures below a folder, by their paths in it without suffix; not gatys' plots and snapshots."""
    found: dict[str, Path] = {}
    for path in inputs.expand([folder]):
        if _is_beside_a_picture(path):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix() if folder.is_dir() else path.stem
        if name in found:
            raise ContestError(f"{found[name]} and {path} have one name: leave one of them in the folder")
        found[name] = path
    return found


def _is_beside_a_picture(path: Path) -> bool:
    """Whether ``fastnst gatys`` wrote it beside its picture: a plot of losses, or a snapshot."""
    if path.name.endswith(".trace.png"):
        return path.with_suffix(".json").is_file()
    of, dot, kind = path.parent.name.rpartition(".")
    return bool(dot) and kind == "snapshots" and path.parent.with_name(f"{of}.trace.json").is_file()


def _picture(path: Path) -> Picture:
    """A picture's file, seen to be one."""
    with opened(path, size=None, min_side=1, max_pixels=MAX_PIXELS):
        return Picture(path, files.sha256(path))


def _compared(folder: Path) -> list[Motif]:
    """What a folder's record tells; it may be a stranger's, so that nothing in it is taken on trust."""
    path = folder / RESULTS
    try:
        record = json.loads(path.read_bytes())
    except OSError as err:
        raise ContestError(f"cannot read {path}: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise ContestError(f"{path} is damaged: it is not JSON") from err
    version = record.get("format") if isinstance(record, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise ContestError(f"{path} is a newer fastnst's: pip install --upgrade fastnst")
    if version != FORMAT:
        raise ContestError(f'{path} is not a record of `fastnst compare`: it has no "format": {FORMAT}')
    motifs = []
    for row in _typed(record, "pairs", list, path):
        if not isinstance(row, dict):
            raise ContestError(f"{path} is damaged: one of its pairs is {type(row).__name__}")
        named = _typed(row, "pictures", dict, path)
        pictures = {key: _picture(_inside(folder, name, path)) for key, name in named.items()}
        title = _typed(row, "title" if row.get("title") is not None else "style", str, path)
        originals = {key: pictures.pop(key) for key in ("photo", "painting") if key in pictures}
        distinct: dict[str, Picture] = {}  # one method may have made another's very picture
        for key in sorted(pictures):
            if pictures[key].id not in {picture.id for picture in distinct.values()}:
                distinct[key] = pictures[key]
        motifs.append(Motif(_typed(row, "photo", str, path), title, distinct, originals))
    if not any(motif.pictures for motif in motifs):
        raise ContestError(f"{path} names no pictures")
    return motifs


def _typed(values: dict[str, Any], key: str, kind: type, path: Path) -> Any:
    if not isinstance(values.get(key), kind):
        raise ContestError(
            f"{path} is damaged: {key!r} is {type(values.get(key)).__name__}, not {kind.__name__}"
        )
    return values[key]


def _inside(folder: Path, name: object, record: Path) -> Path:
    """The file of that name below a folder: not elsewhere, be it by a link."""
    if not isinstance(name, str) or "\0" in name:
        raise ContestError(f"{record} is damaged: a picture's path is {name!r}")
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise ContestError(f"{record} is refused: its picture {name} lies outside {folder}")
    if not path.is_file():
        raise ContestError(f"{path}, which {record.name} names, is not there")
    return path
