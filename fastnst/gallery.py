"""Every style on one photo."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastnst.engines import open_engine
from fastnst.images import Photo
from fastnst.pixels import unpacked
from fastnst.repaint import repaint
from fastnst.report import sheet
from fastnst.style_file import Style

if TYPE_CHECKING:
    from PIL import Image

COLUMNS = 4
HEIGHT = 320  # px, of each picture in the sheet


def gallery(styles: Iterable[Style], photo: Photo) -> "Image.Image":
    """A contact sheet: the photo, then what each style makes of it, with its name and its painting below.

    Args:
        styles: those to show, in their order.
        photo: as large as the networks are to see it.

    Raises:
        ImageError: the photo is too small, or too large for the memory.
        StyleFileError: a style's weights cannot be read.
    """
    pictures, captions = [unpacked(photo.pixels)], ["the photo"]
    for style in styles:
        pictures.append(unpacked(repaint(photo, open_engine(style)).pixels))
        by = [str(style.record[key]) for key in ("artist", "year") if key in style.record]
        captions.append(
            "\n".join([style.path.stem, str(style.record.get("title", "")), ", ".join(by)]).strip()
        )
    starts = range(0, len(pictures), COLUMNS)
    return sheet(
        [pictures[start : start + COLUMNS] for start in starts],
        captions=[captions[start : start + COLUMNS] for start in starts],
        height=HEIGHT,
    )
