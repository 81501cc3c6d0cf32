"""``fastnst styles`` and ``fastnst info``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fastnst import style_file
from fastnst.cli import printable, say
from fastnst.errors import ConfigError, StyleFileError
from fastnst.style_file import Style

KEYS = ("name", "title", "artist", "year")


@click.command("styles", epilog="Example: fastnst styles --sheet styles.jpg --photo sample:coffee")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list: painting, network, file and bytes.")
@click.option("--sheet", metavar="FILE", help="Write a contact sheet of what each makes of a photo.")
@click.option(
    "--photo",
    default="sample:astronaut",
    show_default=True,
    metavar="PHOTO",
    help="For --sheet: a file, or sample:NAME for one of scikit-image's.",
)
@click.option(
    "--size",
    type=click.IntRange(16),
    default=480,
    show_default=True,
    help="For --sheet: the photo's longer side, px.",
)
def styles(as_json: bool, sheet: str | None, photo: str, size: int) -> None:
    """List the installed styles: name, painting, network and size of the file."""
    if as_json and sheet is not None:
        raise click.UsageError("--json lists the styles and --sheet shows them: give one of them.")
    given = click.get_current_context().get_parameter_source
    if sheet is None and any(given(each) is ParameterSource.COMMANDLINE for each in ("photo", "size")):
        raise click.UsageError("--photo and --size are for --sheet FILE.")
    paths = style_file.installed().values()
    found = [style for path in paths if (style := _readable(path)) is not None]
    failed = len(found) < len(paths)
    if sheet is not None:
        _sheet(found, sheet, photo, size)
        say(click.format_filename(sheet), to_stdout=True)
    elif as_json:
        say(json.dumps([_listed(style) for style in found], indent=2), to_stdout=True)
    elif found:
        rows = [("NAME", "PAINTING", "NETWORK", "SIZE"), *[_row(style) for style in found]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            say("  ".join(cells).rstrip(), to_stdout=True)
    elif not failed:
        say("fastnst: no style is installed; train one: fastnst train painting.image=mine.jpg")
    if failed:
        click.get_current_context().exit(1)


@click.command("info", no_args_is_help=True, epilog="Example: fastnst info starry_night")
@click.argument("style", metavar="STYLE")
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
def info(style: str, as_json: bool) -> None:
    """Show what a style file says of itself: painting, network, settings, losses.

    STYLE is an installed style's name or a file.
    """
    described = _described(style_file.read(style_file.find(style)))
    if as_json:
        say(json.dumps(described, indent=2), to_stdout=True)
        return
    if "thumbnail" in described:
        described["thumbnail"] = "yes (see --json)"
    rows = list(_lines(described))
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        say(f"{key.ljust(width)}  {value}".rstrip(), to_stdout=True)


def _readable(path: Path) -> Style | None:
    """The style in a file, or None when it cannot be read, which is said."""
    try:
        return style_file.read(path)
    except StyleFileError as err:
        say(printable(f"fastnst: {err}"))
        return None


def _sheet(styles: list[Style], file: str, photo: str, size: int) -> None:
    """Write what each style makes of a photo."""
    import numpy as np

    from fastnst import images, samples
    from fastnst.files import check_writable, typed_path
    from fastnst.gallery import gallery

    path, source = typed_path(file), samples.resolve(photo)
    if path.resolve() == source.resolve():
        raise ConfigError(f"{file} would overwrite the photo: give --sheet another name")
    images.format_of(path, 1, 1)
    check_writable(path)
    picture = gallery(styles, images.load(source, size=size))
    images.save(path, images.Photo(np.asarray(picture.convert("RGB")), None))


def _listed(style: Style) -> dict[str, Any]:
    """What a list tells of a style; ``info --json`` tells all."""
    record = {key: style.record.get(key) for key in KEYS}
    file = {"file": click.format_filename(style.path), "bytes": style.size}
    return {**record, "network": style.record["network"]["name"], **file}


def _row(style: Style) -> tuple[str, str, str, str]:
    """A style's line in the list."""
    record = style.record
    by = [str(record[key]) for key in ("title", "artist", "year") if key in record]
    cells = (style.path.stem, ", ".join(by), record["network"]["name"], f"{style.size / 1000:.0f} kB")
    name, painting, network, size = (printable(cell.replace("\n", " ")) for cell in cells)
    return name, painting, network, size


def _described(style: Style) -> dict[str, Any]:
    """A style's record, after what the file itself tells."""
    return {
        "path": click.format_filename(style.path),
        "bytes": style.size,
        "parameters": style.parameters,
        **style.record,
    }


def _lines(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted keys and text, fit for a terminal."""
    for key, value in values.items():
        name = printable(f"{prefix}{key}".replace("\n", " "))
        if isinstance(value, dict):
            yield from _lines(value, f"{name}.")
        else:
            text = f"{value:.5g}" if isinstance(value, float) else str(value)
            yield name, printable(text.replace("\n", " "))
