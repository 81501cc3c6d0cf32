"""``fastnst demo``: the whole of it in a few minutes."""

from pathlib import Path

import click

from fastnst.cli import printable, say


@click.command("demo", help="Train a style, repaint a photo with it and compare, in a few minutes, offline.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the results.",
)
@click.option(
    "--short", is_flag=True, help="A minute instead of several: to see that all works, not to be seen."
)
def command(out: Path, short: bool) -> None:  # noqa: D103  (its help says it)
    from fastnst.cli.bar import terminal_bar
    from fastnst.demo import FULL, SHORT, demo
    from fastnst.memory import keep_freed

    keep_freed()
    with terminal_bar() as report:
        overview = demo(out, length=SHORT if short else FULL, progress=report)
    say(
        f"Done. Open {printable(str(overview))}, then try: "
        "fastnst stylise YOUR_PHOTO.jpg --style starry_night -o picture.jpg",
        to_stdout=True,
    )
