"""``fastnst bench``: how fast networks are here."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastnst.cli import printable, say

if TYPE_CHECKING:
    from fastnst.bench import Record

EXAMPLES = """\b
Examples:
  fastnst bench
  fastnst bench --style mine.safetensors --size 512 --json mine.json
  fastnst bench --network johnson --engine openvino --precision float32 --size 512,2048 --threads 1
"""


class Numbers(click.ParamType):  # type: ignore[type-arg]  # click before 8.4 takes none
    """Whole numbers with commas between them.

    Args:
        least: the smallest one allowed.
    """

    name = "numbers"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Text to numbers, each once, in the order given."""
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 256,512.", param, ctx)
        for number in numbers:
            if number < self.least:
                self.fail(f"{number} is too small: at least {self.least} is needed.", param, ctx)
        return tuple(dict.fromkeys(numbers))


@click.command("bench", epilog=EXAMPLES)
@click.option(
    "-s",
    "--style",
    "styles",
    multiple=True,
    metavar="NAME|FILE",
    help="Measure a trained style's network. [default: a shipped style for each network]",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME",
    help="Measure a network of conf/network, with random weights.",
)
@click.option(
    "--engine", "engines", multiple=True, metavar="NAME", help="openvino or torch. [default: all here]"
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    metavar="NAME",
    help="float32, bfloat16 or float16. [default: all here]",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, mps.")
@click.option(
    "--size",
    "sizes",
    type=Numbers(16),
    default="256,512,1024",
    show_default=True,
    metavar="PX,...",
    help="Sides of the square pictures.",
)
@click.option(
    "--batch",
    "batches",
    type=Numbers(1),
    metavar="N,...",
    help="Pictures in a call. [default: 1, and what the engine does best]",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Of the CPU. [default: as many as PyTorch takes]",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds; fewer say little."
)
@click.option("--no-memory", is_flag=True, help="Leave the memory out, which takes a process each.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a list of records.",
)
def command(
    styles: tuple[str, ...],
    networks: tuple[str, ...],
    engines: tuple[str, ...],
    precisions: tuple[str, ...],
    device: str,
    sizes: tuple[int, ...],
    batches: tuple[int, ...] | None,
    threads: int | None,
    runs: int,
    no_memory: bool,
    json_file: Path | None,
) -> None:
    """Measure how fast networks are here: every network in every engine and precision at every size.

    All take turns in one run with the baseline, the network of Johnson et al. (2016) in eager float32
    PyTorch, and RATIO says how many times faster than it each is. Times are medians, in milliseconds a
    picture, from bytes to bytes, without reading and writing files. The machine should have nothing else
    to do.
    """
    import json
    from dataclasses import asdict

    from fastnst import contestants, files, interrupts
    from fastnst.bench import bench
    from fastnst.cli.bar import terminal_bar

    if json_file is not None:
        json_file = files.typed_path(str(json_file))
        files.check_writable(json_file)
    with (
        interrupts.terminable(),
        contestants.gathered(
            styles=styles,
            networks=networks,
            engines=engines,
            precisions=precisions,
            device=device,
            threads=threads,
        ) as found,
        terminal_bar() as report,
    ):
        records = bench(
            found, sizes=sizes, batches=batches or (), runs=runs, memory=not no_memory, report=report
        )
    for line in _table(records):
        say(line, to_stdout=True)
    if json_file is not None:
        with files.atomic(json_file) as partial:
            lines = ",\n".join(json.dumps(asdict(record)) for record in records)
            partial.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _table(records: "Sequence[Record]") -> list[str]:
    """Aligned lines, names to the left and numbers to the right."""
    heads = ("NETWORK", "ENGINE", "PRECISION", "SIZE", "BATCH", "THREADS", "MS", "IQR", "RATIO", "MB")
    rows: list[tuple[str, ...]] = [heads]
    styles = {(one.network, one.style) for one in records}
    several = Counter(network for network, _ in styles)
    for one in records:
        numbers = (one.size, one.batch, one.threads, f"{one.ms_median:.1f}", f"{one.ms_iqr:.1f}")
        ratio = "" if one.ratio is None else f"{one.ratio:.1f}"
        memory = "" if one.peak_mb is None else f"{one.peak_mb:.0f}"
        network = f"{one.network} ({one.style})" if several[one.network] > 1 else one.network
        names = (printable(network), one.engine, one.precision)
        rows.append((*names, *(str(number) for number in numbers), ratio, memory))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        [
            cell.ljust(width) if place < 3 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    )
    return ["  ".join(line).rstrip() for line in lines]
