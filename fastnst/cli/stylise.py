"""``fastnst stylise``."""

import math
from contextlib import nullcontext

import click

from fastnst.cli import printable, say

EXAMPLES = """\b
Examples:
  fastnst stylise photo.jpg --style starry_night -o picture.jpg
  fastnst stylise holiday/ -s models/mine.safetensors -o painted/ --size 1024
  fastnst stylise sample:chelsea -s starry_night -o cat.png --keep-colours
"""


@click.command("stylise", no_args_is_help=True, epilog=EXAMPLES)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option(
    "-s",
    "--style",
    required=True,
    metavar="NAME|FILE",
    help="An installed style (see `fastnst styles`) or a file.",
)
@click.option("-o", "--output", required=True, metavar="OUT", help="A file for one photo, a folder for more.")
@click.option(
    "--size",
    type=click.IntRange(min=16),
    metavar="PX",
    help="Longer side of the picture. [default: the photo's]",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="0..1",
    help="1 is the painted picture, 0 the photo; between them the two are cross-faded.",
)
@click.option(
    "--keep-colours",
    "--keep-colors",
    is_flag=True,
    help="Take the strokes' lightness only; keep the photo's colours.",
)
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and WebP."
)
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="auto or torch.")
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps."
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse photos with more. [default: 200 million]",
)
def command(
    photos: tuple[str, ...],
    style: str,
    output: str,
    size: int | None,
    strength: float,
    keep_colours: bool,
    quality: int,
    engine: str,
    device: str,
    max_pixels: int | None,
) -> None:
    """Repaint photos with a trained style.

    PHOTO is a photo, a folder, a glob in quotes, or sample:NAME for one of scikit-image's (sample:chelsea).
    With one photo OUT is a file, or a folder if it exists or ends in a slash; with more it is a folder, in
    which they keep their names. A photo that cannot be done is reported at the end, the others are done.

    The paths written go to stdout, sizes and times (without reading and writing) to stderr.
    """
    if math.isnan(strength):  # of which click's range knows nothing
        raise click.BadParameter("nan is not a number.", param_hint="'--strength'")

    from fastnst import images, style_file
    from fastnst.cli.bar import terminal_bar
    from fastnst.engines import open_engine
    from fastnst.stylise import Done, plan, stylise

    chosen = style_file.read(style_file.find(style))
    planned = plan(photos, output, chosen.path.stem)
    ready = open_engine(chosen, engine=engine, device=device)

    def finished(done: Done) -> None:
        say(click.format_filename(done.output), to_stdout=True)
        say(printable(f"{done.photo}: {done.width}x{done.height} px, {done.ms:.0f} ms"))
        for note in done.notes:
            say(printable(f"fastnst: {done.photo}: {note}"))

    with terminal_bar() if len(planned.jobs) > 1 else nullcontext() as report:
        summary = stylise(
            planned,
            ready,
            size=size,
            strength=strength,
            keep_colours=keep_colours,
            max_pixels=max_pixels or images.MAX_PIXELS,
            quality=quality,
            report=report,
            finished=finished,
        )
    for failure in summary.failed:
        say(printable(f"fastnst: {failure.message}"))
    if summary.failed:
        if summary.done:
            photos_in_all = len(summary.failed) + len(summary.done)
            say(f"fastnst: {len(summary.failed)} of {photos_in_all} photos were not done")
        click.get_current_context().exit(1)
