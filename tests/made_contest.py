"""Folders of results to vote on: each method paints plain pictures of a colour of its own."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from fastnst import contest

PHOTOS = ("cat", "cup", "sea", "town")


def picture(path: Path, colour: str, size: tuple[int, int] = (48, 32), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def folders(
    root: Path, methods: Sequence[str] = ("fast", "slow"), photos: Sequence[str] = PHOTOS
) -> list[Path]:
    """A folder for each method, with a picture of each photo that no other is like."""
    for method_number, method in enumerate(methods):
        for number, photo in enumerate(photos):
            picture(root / method / f"{photo}.png", f"rgb({60 * method_number + 20}, {30 * number + 20}, 90)")
    return [root / method for method in methods]


def compared(root: Path, **changes: object) -> Path:
    """What ``fastnst compare`` writes, of one photo and two paintings; the changes are to each pair."""
    pairs = []
    for number, style in enumerate(("starry_night", "the_scream")):
        names = {
            kind: f"pictures/{style}/{kind}.png"
            for kind in ("photo", "painting", "fast", "gatys", "gatys@50")
        }
        for shade, name in enumerate(names.values()):
            picture(root / name, f"rgb({40 * shade + 20}, {90 * number + 20}, 0)")
        pair = {"photo": "chelsea", "style": style, "size": 48, "title": style.title(), "pictures": names}
        pairs.append({**pair, **changes})
    (root / "results.json").write_text(json.dumps({"format": 1, "pairs": pairs}))
    return root


def made(
    root: Path, methods: Sequence[str] = ("fast", "slow"), photos: Sequence[str] = PHOTOS
) -> contest.Contest:
    return contest.read(folders(root, methods, photos))
