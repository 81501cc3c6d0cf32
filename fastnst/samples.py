"""Photos that every install has: those inside scikit-image's wheel, found without importing it.

Tests, the demo and the default training data need real photos offline; these are free to use and to show.
"""

from importlib.util import find_spec
from pathlib import Path

from fastnst.errors import ImageError
from fastnst.files import typed_path

CREDITS = {
    "astronaut": "Eileen Collins, NASA Great Images database; public domain",
    "chelsea": "Chelsea the cat, by Stefan van der Walt; CC0",
    "coffee": "Coffee cup, by Rachel Michetti, courtesy of Pikolo Espresso Bar; CC0",
    "rocket": "Launch of DSCOVR on Falcon 9, by SpaceX; public domain",
    "hubble_deep_field": "Hubble eXtreme Deep Field, NASA; public domain",
    "retina": "Normal left eye, by Mikael Häggström; CC0",
    "ihc": "Stained colon tissue, CMMI; no known copyright restrictions",
    "motorcycle_left": "Middlebury 2014 stereo benchmark, Scharstein et al.; published for research",
    "camera": "Photographer, by Lav Varshney; CC0",
    "clock_motion": "Moving clock, by Stefan van der Walt; public domain",
    "coins": "Greek coins from Pompeii, Brooklyn Museum; no known copyright restrictions",
    "brick": "Brick wall, CC0Textures; CC0",
    "grass": "Grass, by linolafett; CC0",
    "gravel": "Gravel, CC0Textures; CC0",
}
"""Name of a sample: what it shows, whose it is, and its licence, after scikit-image's documentation."""

SHOWN = "astronaut"
"""What the demo and thumbnails show; ``data=samples`` leaves it out, so that no network has seen it."""

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
"""Natural photos in colour, free to show."""

TRAINING_PHOTOS = tuple(name for name in CREDITS if name not in PHOTOS)
"""Further pictures to train on, not to show: grey, of one texture, or made by an instrument."""


def photo(name: str) -> Path:
    """The file of a sample of PHOTOS or TRAINING_PHOTOS.

    Raises:
        ImageError: no sample has this name, or scikit-image is not installed.
    """
    if name not in CREDITS:
        raise ImageError(f"there is no sample {name}; the samples are {', '.join(CREDITS)}")
    skimage = find_spec("skimage")
    if skimage is None or not skimage.submodule_search_locations:
        raise ImageError(f"sample {name} comes with scikit-image, which is missing: pip install scikit-image")
    folder = Path(skimage.submodule_search_locations[0]) / "data"
    for suffix in (".png", ".jpg"):
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise ImageError(f"this scikit-image came without sample {name}: pip install --upgrade scikit-image")


def resolve(text: str) -> Path:
    """A path as a person types it, where ``sample:chelsea`` stands for that sample."""
    scheme, colon, name = text.partition(":")
    return photo(name) if colon and scheme == "sample" else typed_path(text)
