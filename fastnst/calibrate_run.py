"""What ``fastnst calibrate`` does: from settings to numbers and a contact sheet."""

import os
from pathlib import Path

from fastnst import calibration, devices, files, images, paintings, vgg_weights
from fastnst.calibrated import Calibration
from fastnst.errors import ConfigError
from fastnst.progress import Report
from fastnst.run_settings import CalibrateSettings
from fastnst.strengths_sheet import strengths_sheet
from fastnst.vgg import choose_dtype


def destination(settings: CalibrateSettings) -> Path:
    """The sheet that ``run`` writes.

    Raises:
        FastNSTError: nothing names it, and there is no painting to name it by.
    """
    return files.typed_path(settings.out or f"{paintings.style_name(settings.painting)}-strengths.png")


@devices.enough_memory("try a smaller calibration.photo_size or painting.size")
def run(settings: CalibrateSettings, *, report: Report | None = None) -> tuple[Path | None, Calibration]:
    """Find the numbers and write the sheet of all style weights; None where none had to be tried.

    Raises:
        FastNSTError: a setting, the painting or the weights cannot be used, or the sheet cannot be written.
    """
    out = destination(settings)
    if out.suffix.lower() not in images.WRITERS:
        raise ConfigError(
            f"out={out} does not end as a picture that fastnst writes: {' '.join(images.WRITERS)}"
        )
    painting = paintings.find(settings.painting)
    if painting is not None and os.path.realpath(out) == os.path.realpath(painting):
        raise ConfigError(f"out={out} would overwrite the painting")
    files.check_writable(out)
    device = devices.choose(settings.device)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    found = calibration.calibrate(
        settings.calibration,
        settings.painting,
        settings.loss,
        weights,
        dtype=choose_dtype(settings.vgg.precision, device.type),
        device=device,
        every=True,
        report=report,
    )
    if not found.trials:
        return None, found
    images.write(out, images.from_pil(strengths_sheet(found)))
    return out, found
