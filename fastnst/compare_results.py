"""What a comparison leaves in its folder, pair by pair, so that a run that was broken off can go on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastnst import files, images
from fastnst.compare_summary import summary
from fastnst.errors import ConfigError, FastNSTError
from fastnst.settings import flat

FORMAT = 1
RESULTS = "results.json"
PICTURES = "pictures"  # the folder of all of them
FREE = ("environment.date", "environment.commit")  # what may differ when a run goes on


@dataclass(frozen=True)
class Pair:
    """A photo in a style, at one size.

    Args:
        photo, style: their names.
        size: px of the longer side.
    """

    photo: str
    style: str
    size: int

    @property
    def folder(self) -> str:
        """For its pictures, beside ``RESULTS``."""
        return f"{PICTURES}/{self.style}/{self.photo}/{self.size}"

    @property
    def painting(self) -> str:
        """The file of the style's painting, beside ``RESULTS``."""
        return f"{PICTURES}/{self.style}/painting.png"


class Results:
    """The results in a folder.

    Args:
        folder: where they lie; it need not exist yet.
        about: what is compared, with what and where; JSON values.
        wanted: the pairs, in their order.

    Raises:
        ConfigError: the folder holds results of something else.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], wanted: Sequence[Pair]) -> None:
        self.folder = folder
        self.wanted = wanted
        self.about = {"format": FORMAT, **about}
        self.pairs: dict[Pair, dict[str, Any]] = {}
        path = folder / RESULTS
        if path.exists():
            self._take(path)

    def left(self) -> list[Pair]:
        """What is still to be done."""
        return [pair for pair in self.wanted if pair not in self.pairs]

    def add(self, found: dict[str, Any]) -> None:
        """Take the results of one pair, whose pictures are in the folder."""
        self.pairs[_pair(found)] = found

    def all(self) -> dict[str, Any]:
        """All that is written."""
        done = [self.pairs[pair] for pair in self.wanted if pair in self.pairs]
        return {**self.about, "summary": summary(done), "pairs": done}

    def write(self) -> None:
        """Write ``RESULTS``, whole or not at all."""
        files.write_json(self.folder / RESULTS, self.all())

    def _take(self, path: Path) -> None:
        """Go on with what a file has."""
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            found = {_pair(each): each for each in before.pop("pairs")}
            del before["summary"]
            known, wanted = (dict(flat(each)) for each in (before, self.about))
            complete = {pair: each for pair, each in found.items() if self._has_files(each)}
            summary(list(complete.values()))
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as err:
            raise ConfigError(f"{path} is not what fastnst compare writes; choose another out=") from err
        for key in [*wanted, *known]:
            if key not in FREE and known.get(key) != wanted.get(key):
                raise ConfigError(
                    f"{self.folder} holds a comparison with another {key} ({known.get(key)}, not "
                    f"{wanted.get(key)}): choose another out=, or remove it"
                )
        self.about, self.pairs = before, complete

    def _has_files(self, found: Mapping[str, Any]) -> bool:
        """Whether what was written of a pair is there, and whole."""
        try:
            for path in found["pictures"].values():
                images.load(self.folder / path)
            return bool(json.loads((self.folder / found["trace"]).read_text(encoding="utf-8")))
        except (FastNSTError, OSError, ValueError):
            return False


def _pair(found: Mapping[str, Any]) -> Pair:
    return Pair(found["photo"], found["style"], found["size"])
