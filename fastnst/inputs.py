"""The pictures that a person means by files, folders and globs."""

import glob
import itertools
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from fastnst import images
from fastnst.errors import ImageError

logger = logging.getLogger(__name__)


def expand(
    inputs: Sequence[str | Path],
    *,
    leave_out: Path | None = None,
    unreadable: Callable[[OSError], None] | None = None,
) -> list[Path]:
    """The files a person means: files as they are, folders with all below them, globs like ``trip/**/*.jpg``.

    In folders and globs only pictures count (``images.SUFFIXES``), hidden ones do not, and they come in
    natural order (2 before 10). No file is named twice.

    Args:
        inputs: files, folders and globs.
        leave_out: a folder for what is made of them. Where it lies in a folder that is given, or in a glob's,
            what is in it is taken for what an earlier run has made, and does not count.
        unreadable: told of folders that cannot be read, which are then passed over.

    Raises:
        ImageError: an input is missing, a folder or glob holds no picture, or, where nobody is told, a folder
            cannot be read.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            paths = _pictures_below(path, unreadable)
        elif os.path.lexists(path):
            paths = [path]
        elif glob.has_magic(str(given)):
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207 (a Path globs no absolute pattern)
            paths = [
                file
                for match in sorted(map(Path, names), key=_natural)
                for file in (_pictures_below(match, unreadable) if match.is_dir() else [match])
                if file.suffix.lower() in images.SUFFIXES
            ]
        else:
            raise ImageError(f"there is no file or folder {path}")
        if leave_out and not path.is_file():
            paths = _not_below(paths, root(path), leave_out)
        if not paths:
            where = f"there is no picture in {path}" if path.is_dir() else f"no picture matches {given}"
            raise ImageError(f"{where} (looked for {', '.join(sorted(images.SUFFIXES))})")
        for file in paths:
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100 (resolve() would follow links)
    return list(found.values())


def root(given: Path) -> Path:
    """Where pictures are looked for: a folder, that of a file, what stands before a glob's first wildcard."""
    if given.is_dir():
        return given
    if os.path.lexists(given):
        return given.parent
    return Path(*itertools.takewhile(lambda part: not set(part) & set("*?["), given.parts))


def _not_below(paths: list[Path], found_in: Path, folder: Path) -> list[Path]:
    """Those that do not lie in a folder, if that is one in where they were found."""
    made = Path(os.path.realpath(folder))
    if Path(os.path.realpath(found_in)) not in made.parents:
        return paths
    others = [path for path in paths if made not in Path(os.path.realpath(path)).parents]
    if left := len(paths) - len(others):
        logger.info("pictures in %s left out, taken for those of an earlier run: %d", folder, left)
    return others


def _pictures_below(folder: Path, unreadable: Callable[[OSError], None] | None) -> list[Path]:
    def refuse(err: OSError) -> None:
        raise ImageError(f"cannot read folder {err.filename}: {err.strerror}") from err

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=unreadable or refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted((file for file in found if file.suffix.lower() in images.SUFFIXES), key=_natural)


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Sort key by which 2.jpg comes before 10.jpg; text and numbers alternate, so equal places compare."""
    pieces = [re.split(r"(\d+)", part.casefold()) for part in path.parts]
    return [[int(p) if i % 2 else p for i, p in enumerate(part)] for part in pieces], str(path)
