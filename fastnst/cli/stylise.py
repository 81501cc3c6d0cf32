"""``fastnst stylise``."""

import math
from contextlib import nullcontext

import click

from fastnst.cli import printable, say
from fastnst.interrupts import Stopped, terminable
from fastnst.style_file import STRONGEST

EXAMPLES = """\b
Examples:
  fastnst stylise photo.jpg --style starry_night -o picture.jpg
  fastnst stylise holiday/ -s styles/mine.safetensors -o painted/ --size 1024
  fastnst stylise holiday/ -s styles/mine.safetensors -o painted/ --size 1024 --resume
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
    type=click.FloatRange(0, STRONGEST),
    default=1.0,
    show_default=True,
    metavar=f"0..{STRONGEST}",
    help="How much of the style: 0 gives the photo back, 1 what was trained for.",
)
@click.option(
    "--refine",
    type=click.IntRange(min=1),
    metavar="N",
    help="Go on from the network's picture by Gatys' optimiser, for N evaluations of the loss, for what "
    "a network misses: up to some seconds each at 512 px, more for more px. Strokes are those of one pass. "
    "Not with --strength, --stroke or --workers, nor for blends.",
)
@click.option(
    "--keep-colours",
    "--keep-colors",
    is_flag=True,
    help="Take the strokes' lightness only; keep the photo's colours.",
)
@click.option(
    "--stroke",
    type=click.FloatRange(0.5, 32),
    metavar="0.5..32",
    help="Size of the largest strokes, times what the network paints in one pass: above 1 a broad brush goes "
    "first. [default: 1, or as many times as the shorter side has 450 px, where that is 1.25 or more]",
)
@click.option(
    "--grain",
    type=click.FloatRange(0, 32),
    default=4.0,
    show_default=True,
    metavar="0..32",
    help="Grain that the network sees in the photo, levels of 255: it gives skies and blurred parts "
    "brushwork. 0 for none, 8 for more.",
)
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and WebP."
)
@click.option(
    "--engine", default="auto", show_default=True, metavar="NAME", help="auto, openvino (CPU) or torch."
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps."
)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Of the network: auto (what is fastest here), float32, bfloat16 or float16.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Of the CPU, for the network. [default: one a core]",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse photos with more. [default: 200 million]",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="What the pictures should get along with, such as 2GB or 500MB, beside the program; larger ones "
    "are done in tiles. [default: half of what is free, 2GB at the most; on a GPU most of its own]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="With several photos: go on where an earlier run into OUT was broken off. A picture that is there, "
    "of the same photo, style and settings, is not done again.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Photos done at once, where there are several. [default: as many as pay]",
)
def command(
    photos: tuple[str, ...],
    style: str,
    output: str,
    size: int | None,
    strength: float,
    refine: int | None,
    keep_colours: bool,
    stroke: float | None,
    grain: float,
    quality: int,
    engine: str,
    device: str,
    precision: str,
    threads: int | None,
    max_pixels: int | None,
    memory: str | None,
    resume: bool,
    workers: int | None,
) -> None:
    """Repaint photos with a trained style.

    PHOTO is a photo, a folder, a glob in quotes, or sample:NAME for one of scikit-image's (sample:chelsea).
    With one photo OUT is a file, or a folder if it exists or ends in a slash; with more it is a folder, in
    which they keep their names. A photo that cannot be done is reported at the end, the others are done.

    The paths written go to stdout; sizes of pictures and strokes, and times (without reading and writing) to
    stderr.
    """
    for name, value in (("--strength", strength), ("--stroke", stroke), ("--grain", grain)):
        if value is not None and math.isnan(value):  # of which click's range knows nothing
            raise click.BadParameter("nan is not a number.", param_hint=f"'{name}'")
    if refine and workers:
        raise click.UsageError("--refine does one photo after the other: not with --workers.")
    if refine and (strength != 1 or stroke not in (None, 1)):
        raise click.UsageError("--refine knows the style as it was trained: not with --strength or --stroke.")

    from fastnst import style_file
    from fastnst.cli.bar import terminal_bar
    from fastnst.engines import open_engine
    from fastnst.memory import size_in_bytes
    from fastnst.opening import MAX_PIXELS
    from fastnst.plan import plan
    from fastnst.repaint import settled
    from fastnst.stylise import Done, Summary, calls_at_once, stylise

    def finished(done: Done) -> None:
        say(click.format_filename(done.output), to_stdout=True)
        brush = settled(stroke, done.height, done.width, refined=bool(refine))
        strokes = f"stroke {brush:.3g}, " if brush != 1 and strength else ""
        say(printable(f"{done.photo}: {done.width}x{done.height} px, {strokes}{done.ms:.0f} ms"))
        for note in done.notes:
            say(printable(f"fastnst: {done.photo}: {note}"))

    budget = None if memory is None else size_in_bytes(memory)
    chosen = style_file.read(style_file.find(style))
    planned = plan(photos, output, chosen.path.stem)
    manifest = None
    if planned.folder is not None:
        from fastnst.files import sha256
        from fastnst.manifest import Manifest

        look = {
            "size": size,
            "strength": strength,
            "refine": refine,
            "keep_colours": keep_colours,
            "stroke": stroke,
            "grain": grain,
            "quality": quality,
        }
        settings = {"style": sha256(chosen.path), **look, "engine": engine, "precision": precision}
        manifest = Manifest(planned.folder, settings, resume=resume)
        if resume:
            everything, planned = planned, manifest.remaining(planned)
            if there := len(everything.jobs) - len(planned.jobs):
                say(f"fastnst: {there} of {len(everything.jobs)} pictures are there already")

    summary = Summary((), planned.failed)
    try:
        with terminable(), terminal_bar() if len(planned.jobs) > 1 or refine else nullcontext() as report:
            if planned.jobs:
                calls = calls_at_once(
                    planned,
                    size=size,
                    stroke=stroke,
                    max_pixels=max_pixels or MAX_PIXELS,
                    threads=threads,
                    memory=budget,
                )
                ready = open_engine(
                    chosen,
                    engine=engine,
                    device=device,
                    precision=precision,
                    threads=threads,
                    workers=min(calls, workers or calls),
                    strength=strength,
                )
                refined = None
                if refine:
                    from fastnst.memory import keep_freed
                    from fastnst.refine import refiner

                    keep_freed()
                    alone = len(planned.jobs) == 1
                    refined = refiner(chosen, refine, device=device, report=report if alone else None)
                    report = None if alone else report
                summary = stylise(
                    planned,
                    ready,
                    size=size,
                    keep_colours=keep_colours,
                    stroke=stroke,
                    grain=grain,
                    memory=budget,
                    refine=refined,
                    max_pixels=max_pixels or MAX_PIXELS,
                    quality=quality,
                    workers=1 if refine else workers,
                    manifest=manifest,
                    report=report,
                    finished=finished,
                )
    except KeyboardInterrupt as err:
        if manifest is None:
            raise
        status = getattr(err, "status", 130)
        raise Stopped(status - 128, "stopped; the same command with --resume goes on from here") from err
    for failure in summary.failed:
        say(printable(f"fastnst: {failure.message}"))
    if summary.failed:
        if summary.done:
            photos_in_all = len(summary.failed) + len(summary.done)
            say(f"fastnst: {len(summary.failed)} of {photos_in_all} photos were not done")
        click.get_current_context().exit(1)
