"""What a calibration tried, to look at."""

from math import log
from typing import TYPE_CHECKING

from fastnst.calibrated import Calibration
from fastnst.calibration import photos_tried
from fastnst.report import sheet

if TYPE_CHECKING:
    from PIL import Image


def strengths_sheet(calibration: Calibration) -> "Image.Image":
    """The trials as a contact sheet: the photos, then the pictures of each style weight."""
    trials = calibration.trials
    pictures = [trial.pictures for trial in trials if trial.pictures is not None]
    columns = [photos_tried(pictures[0].shape[-1]), *pictures]
    chosen = calibration.loss.style_weight
    nearest = min(trials, key=lambda trial: abs(log(trial.style_weight / chosen)))
    heads = [f"the photo\n{calibration.picture.title}"]
    for trial in trials:
        mark = "nearest to what was chosen\n" if trial is nearest else ""
        heads.append(
            f"style weight {trial.style_weight:.3g}\n{mark}contents moved {trial.content_share:.2f}, "
            f"style left {trial.style_share:.3f}"
        )
    rows = [[column[i].numpy() for column in columns] for i in range(len(columns[0]))]
    return sheet(
        rows,
        captions=[*([] for _ in rows[1:]), heads],
        title=f"chosen: {chosen:.3g}",
        height=rows[0][0].shape[1],
    )
