"""``fastnst blend``: one style of two."""

import math

import click

from fastnst import style_file
from fastnst.cli import say


@click.command(
    "blend",
    no_args_is_help=True,
    epilog="Example: fastnst blend starry_night la_grande_jatte --part 0.4 -o both.safetensors",
)
@click.argument("first", metavar="STYLE")
@click.argument("second", metavar="STYLE")
@click.option(
    "--part",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="0..1",
    help="How much of the second.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="The new style file.")
def command(first: str, second: str, part: float, output: str) -> None:
    """Make one style of two that have the same kind of network.

    Both should have begun with the same base (of `fastnst info` training.base_sha256, or init_sha256 where
    there is none): what lies between others is often mud.

    STYLE is an installed style's name or a file; `fastnst info` shows both. What comes out is a style as fast
    as either.
    """
    if math.isnan(part):  # of which click's range knows nothing
        raise click.BadParameter("nan is not a number.", param_hint="'--part'")
    from fastnst.blend import blend
    from fastnst.files import typed_path

    path = typed_path(output)
    one, other = (style_file.read(style_file.find(name)) for name in (first, second))
    blend(one, other, part, path)
    say(click.format_filename(path), to_stdout=True)
