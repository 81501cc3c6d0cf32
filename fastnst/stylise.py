"""Photos in, repainted pictures out: one photo, or folders of them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from fastnst import files, images, samples
from fastnst.engines import Engine
from fastnst.errors import ConfigError, FastNSTError, ImageError
from fastnst.images import Picture
from fastnst.progress import Progress, Report

LUMA = (0.299, 0.587, 0.114)  # the Y of YIQ, of R, G and B


@dataclass(frozen=True)
class Job:
    """One photo and where its picture goes."""

    photo: Path
    output: Path


@dataclass(frozen=True)
class Failure:
    """A photo that was not done, and why in one line."""

    photo: Path
    message: str


@dataclass(frozen=True)
class Plan:
    """What is to be done, before any of it is; what was not found is in ``failed``."""

    jobs: tuple[Job, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Done:
    """One picture that was written.

    Args:
        photo: where it came from.
        output: where it is.
        height: of the picture, px.
        width: of the picture, px.
        ms: what repainting took; reading and writing are not in it.
        notes: what a user should know of how the photo was read.
    """

    photo: Path
    output: Path
    height: int
    width: int
    ms: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What came of a plan."""

    done: tuple[Done, ...]
    failed: tuple[Failure, ...]


def plan(inputs: Sequence[str | Path], output: str | Path, style_name: str) -> Plan:
    """Decide what is written where, so that no photo and no other picture is overwritten.

    Args:
        inputs: photos, folders, globs or ``sample:NAME``. Folders keep their sub-folders in the output.
        output: a file for one photo; a folder for more. One photo goes into a folder, which exists or whose
            name ends in a slash, as ``PHOTO-STYLE.jpg``.
        style_name: the STYLE in that name.

    Raises:
        ImageError: no photo was found.
        ConfigError: the output is not a place for these photos.
        FastNSTError: nothing can be written there.
    """
    if "" in (*inputs, output):
        raise ConfigError("a name is empty: a photo's, or the one after -o")
    names: dict[Path, Path] = {}  # of every photo, once: the name it would have in a folder
    failed = []
    for item in inputs:
        found = _photos(item, Path(output))
        if isinstance(found, Failure):
            failed.append(found)
        else:
            names |= {photo: name for photo, name in found.items() if photo not in names}
    if not names:
        raise ImageError(failed[0].message if failed else "there are no photos to stylise")

    single = len(names) == 1 and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    folder = str(output).endswith(("/", os.sep)) or Path(output).is_dir()
    if single and not folder:
        jobs = [Job(next(iter(names)), Path(output))]
        if Path(output).suffix.lower() not in images.WRITERS:
            raise ConfigError(
                f"{output} does not end as a picture that fastnst writes: {' '.join(images.WRITERS)} "
                "(or / for a folder)"
            )
    elif not folder and Path(output).suffix.lower() in images.WRITERS:
        raise ConfigError(f"{output} is one file and there are several photos: give -o a folder")
    else:
        jobs = [
            Job(photo, path) for photo, path in _in_folder(names, Path(output), style_name if single else "")
        ]
    photos = {os.path.realpath(photo) for photo in names}  # Path.resolve fails on links that go in circles
    for job in jobs:
        if os.path.realpath(job.output) in photos:
            raise ConfigError(f"{job.output} would overwrite a photo: give -o another name or folder")
    files.check_writable(jobs[0].output)
    return Plan(tuple(jobs), tuple(failed))


def stylise(
    plan: Plan,
    engine: Engine,
    *,
    size: int | None = None,
    strength: float = 1.0,
    keep_colours: bool = False,
    max_pixels: int = images.MAX_PIXELS,
    quality: int = 95,
    report: Report | None = None,
    finished: Callable[[Done], None] | None = None,
) -> Summary:
    """Do what was planned; a photo that cannot be done is noted and the others go on.

    Args:
        plan: from ``plan``.
        engine: the network, from ``engines.open_engine``.
        size: px of the longer side of the pictures; None keeps each photo's own.
        strength: see ``repaint``.
        keep_colours: see ``repaint``.
        max_pixels: photos with more are refused.
        quality: of JPEG and WebP, 1 to 100.
        report: told before each photo and after the last.
        finished: told of each picture when it is written.
    """
    done = []
    failed = list(plan.failed)
    for index, job in enumerate(plan.jobs):
        if report is not None:
            report(Progress("stylising", index, len(plan.jobs), "photos", job.photo.name))
        try:
            photo = images.read(job.photo, size=size, min_side=engine.min_size, max_pixels=max_pixels)
            start = perf_counter()
            picture = repaint(photo, engine, strength=strength, keep_colours=keep_colours)
            ms = (perf_counter() - start) * 1000
            images.write(job.output, picture, quality=quality)
        except FastNSTError as err:
            message = str(err)
            named = str(job.photo) in message or str(job.output) in message
            failed.append(Failure(job.photo, message if named else f"{job.photo}: {message}"))
        except MemoryError:
            failed.append(Failure(job.photo, f"{job.photo}: not enough memory; try --size 1024"))
        else:
            done.append(Done(job.photo, job.output, photo.height, photo.width, ms, photo.notes))
            if finished is not None:
                finished(done[-1])
    if report is not None:
        report(Progress("stylising", len(plan.jobs), len(plan.jobs), "photos"))
    return Summary(tuple(done), tuple(failed))


def repaint(photo: Picture, engine: Engine, *, strength: float = 1.0, keep_colours: bool = False) -> Picture:
    """Repaint one picture; its alpha stays as it is.

    Args:
        photo: what to repaint.
        engine: the network.
        strength: 1 is the network's picture, 0 the photo, and what lies between is a cross-fade of the two,
            pixel by pixel. It is not a weaker style: half-strong strokes lie over a sharp photo.
        keep_colours: take only the picture's lightness (the Y of YIQ) and the photo's colours, as Gatys et
            al. (2016) did with luminance, "Preserving Color in Neural Artistic Style Transfer",
            https://arxiv.org/abs/1606.05897, section 5. They bring the painting to the photo's luminance
            before the transfer; here the painting is in the network already, so that step is left out.

    Raises:
        ImageError: the picture is too small, or too large for the memory.
    """
    picture = engine.stylise(photo.rgb[None])[0]  # (3, H, W)
    if keep_colours:
        # I and Q stay, so R, G and B all change by the change of Y.
        picture = photo.rgb + (_luma(picture) - _luma(photo.rgb))
    if strength != 1:
        picture = photo.rgb + np.float32(strength) * (picture - photo.rgb)
    return replace(photo, rgb=picture.clip(0, 1))


def _luma(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(3, H, W)`` to ``(H, W)``."""
    luma: NDArray[np.float32] = np.tensordot(np.array(LUMA, np.float32), rgb, axes=1)
    return luma


def _photos(item: str | Path, output: Path) -> dict[Path, Path] | Failure:
    """The photos that one input stands for, and each one's name below the folder that the input names.

    Pictures that an earlier run left in an output folder inside the input are not photos.
    """
    try:
        path = samples.resolve(str(item))
        photos = images.expand([path])
    except ImageError as err:
        return Failure(Path(item), str(err))
    except OSError as err:  # a name too long, or in a folder that is not ours to look into
        return Failure(Path(item), f"cannot read {item}: {err.strerror or err}")
    if path.is_dir():
        root = path
    elif path.exists():
        root = path.parent
    else:  # a glob: what stands before the first wildcard
        root = Path(*takewhile(lambda part: not set(part) & set("*?["), path.parts))
    made = Path(os.path.realpath(output))
    if made != Path(os.path.realpath(root)) and not path.is_file():
        photos = [photo for photo in photos if made not in Path(os.path.realpath(photo)).parents]
    return {photo: photo.relative_to(root) for photo in photos}


def _in_folder(names: dict[Path, Path], folder: Path, style_name: str) -> list[tuple[Path, Path]]:
    """Every photo with its path in an output folder; formats that fastnst does not write become PNG.

    Raises:
        ConfigError: two photos would get the same path.
    """
    taken: dict[Path, Path] = {}
    for photo, name in names.items():
        path = folder / name
        if style_name:
            path = path.with_stem(f"{path.stem}-{style_name}")
        if path.suffix.lower() not in images.WRITERS:
            plain = path.with_suffix(".png")
            clash = plain in taken or plain.relative_to(folder) in names.values()
            path = path.with_name(f"{path.name}.png") if clash else plain
        if path in taken:
            raise ConfigError(
                f"{taken[path]} and {photo} would both become {path}: stylise them into two folders"
            )
        taken[path] = photo
    return [(photo, path) for path, photo in taken.items()]
