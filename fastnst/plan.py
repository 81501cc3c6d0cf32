"""What is written where: photos, folders and globs become jobs, before any of them is done."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastnst import files, images, inputs, samples
from fastnst.errors import ConfigError, ImageError


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
    """What is to be done, before any of it is.

    Args:
        jobs: what will be done.
        failed: what was not found, or could not be read.
        folder: where the pictures of several photos go, and the manifest; None where one photo was named.
    """

    jobs: tuple[Job, ...]
    failed: tuple[Failure, ...] = ()
    folder: Path | None = None


def plan(inputs: Sequence[str | Path], output: str | Path, style_name: str) -> Plan:
    """Decide what is written where, so that no photo and no other picture is overwritten.

    Args:
        inputs: photos, folders, globs or ``sample:NAME``. Folders keep their sub-folders in the output; those
            that cannot be read are among what failed.
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
    out = files.typed_path(str(output))
    names: dict[Path, Path] = {}  # of every photo, once: the name it would have in a folder
    failed: list[Failure] = []
    for item in inputs:
        found = _photos(item, out, failed)
        names |= {photo: name for photo, name in found.items() if photo not in names}
    if not names:
        raise ImageError(failed[0].message if failed else "there are no photos to stylise")

    # How many photos a folder or a glob holds is chance: one alone is still not named.
    single = len(inputs) == 1 and samples.resolve(str(inputs[0])) in names
    folder = str(output).endswith(("/", os.sep)) or out.is_dir()
    if single and not folder:
        jobs = [Job(next(iter(names)), out)]
        if out.suffix.lower() not in images.WRITERS:
            raise ConfigError(
                f"{output} does not end as a picture that fastnst writes: {' '.join(images.WRITERS)} "
                "(or / for a folder)"
            )
    elif not folder and out.suffix.lower() in images.WRITERS:
        raise ConfigError(f"{output} is one file, and folders, globs or several photos want a folder")
    else:
        jobs = [Job(photo, path) for photo, path in _in_folder(names, out, style_name if single else "")]
    photos = {os.path.realpath(photo) for photo in names}  # Path.resolve fails on links that go in circles
    for job in jobs:
        if os.path.realpath(job.output) in photos:
            raise ConfigError(f"{job.output} would overwrite a photo: give -o another name or folder")
    files.check_writable(jobs[0].output)
    return Plan(tuple(jobs), tuple(failed), None if single else out)


def _photos(item: str | Path, output: Path, failed: list[Failure]) -> dict[Path, Path]:
    """The photos that one input stands for, and each one's name below the folder that the input names.

    Pictures that an earlier run left in an output folder inside the input are not photos. An input that
    cannot be read, and folders in it that cannot, join those that failed.
    """
    before = len(failed)

    def unreadable(err: OSError) -> None:
        failed.append(Failure(Path(err.filename), f"cannot read folder {err.filename}: {err.strerror}"))

    try:
        path = samples.resolve(str(item))
        photos = inputs.expand([path], leave_out=output, unreadable=unreadable)
    except ImageError as err:
        if len(failed) == before:  # otherwise there is a better reason why nothing was found
            failed.append(Failure(Path(item), str(err)))
        return {}
    except OSError as err:  # a name too long, or in a folder that is not ours to look into
        failed.append(Failure(Path(item), f"cannot read {item}: {err.strerror or err}"))
        return {}
    root = inputs.root(path)
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
