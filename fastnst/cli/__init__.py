"""The command line. Each command lies in a module of its own, imported when it is run."""

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, NoReturn, TextIO

import click

from fastnst import __version__, memory
from fastnst.errors import FastNSTError

HELP = """Repaint photos in the style of a painting.

One small network per painting, trained against VGG-19's content and Gram-matrix style losses, repaints a
photo in milliseconds; on the same losses runs the original optimiser of Gatys, Ecker and Bethge.

\b
fastnst stylise photo.jpg --style starry_night -o picture.jpg
fastnst train painting.image=mine.jpg
fastnst COMMAND --help
"""


class Entry(NamedTuple):
    """Where a command is: ``attribute`` of ``fastnst.cli.<module>``, and what it does in a line."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "stylise": Entry("stylise", "command", "Repaint photos with a trained style."),
    "styles": Entry("styles", "styles", "List the installed styles."),
    "info": Entry("styles", "info", "Show what a style file says of itself."),
    "blend": Entry("blend", "command", "Make one style of two."),
    "train": Entry("train", "command", "Train a style for a painting."),
    "base": Entry("base", "command", "Train the network that trainings begin with."),
    "calibrate": Entry("calibrate", "command", "Show the size and style weight that suit a painting."),
    "gatys": Entry("gatys", "command", "Repaint one photo by optimisation, the slow way."),
    "compare": Entry("compare", "command", "Compare the networks with that optimiser."),
    "vote": Entry("vote", "command", "Judge by eye which method's pictures are better."),
    "study": Entry("study", "command", "Run a classic experiment of style transfer."),
    "bench": Entry("bench", "command", "Measure how fast networks are here."),
    "demo": Entry("demo", "command", "Train, stylise and compare, in a few minutes."),
}
ALIASES = {"stylize": "stylise"}


class Commands(click.Group):
    """A group that knows its commands' names and imports one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported."""
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        module = importlib.import_module(f"fastnst.cli.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, and with a guess at what a wrong name meant."""
        if not args[0].startswith("-") and args[0] not in {*COMMANDS, *ALIASES}:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(
                f"There is no command {args[0]!r}.{guess} There are: {', '.join(COMMANDS)}.", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table, with none imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


class SettingsCommand(click.Command):
    """A command that takes ``key=value`` settings: all but ``--help`` goes to Hydra as it stands.

    All of them compute losses, so what is freed is kept: ``memory.keep_freed``.

    Args:
        name: of the command.
        text: what ``-h`` and ``--help`` print.
        run: is given the arguments.
    """

    def __init__(self, name: str, text: str, run: Callable[[list[str]], None]) -> None:
        super().__init__(name, callback=self._begin, add_help_option=False)
        self.text = text
        self._run = run

    def _begin(self) -> None:
        memory.keep_freed()
        self._run(click.get_current_context().args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they are."""
        if "-h" in args or "--help" in args:
            click.echo(self.text.strip())
            ctx.exit()
        ctx.args = list(args)
        return []


@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="fastnst %(version)s")
def cli() -> None:  # noqa: D103  (HELP says it)
    pass


class _Messages(logging.Handler):
    """Writes what the library logs to stderr, as the command line's other messages."""

    def emit(self, record: logging.LogRecord) -> None:
        say(printable(f"fastnst: {record.getMessage()}"))


def say(message: str, *, to_stdout: bool = False) -> None:
    """Write one line beside a progress bar that may be running: to stderr, or a result to stdout."""
    stream: TextIO | None = sys.stdout if to_stdout else sys.stderr
    if stream is None:  # closed by who started the program
        return
    encoding = stream.encoding or "utf-8"  # Windows' and an ASCII locale's lack most letters
    message = message.encode(encoding, "backslashreplace").decode(encoding)
    if tqdm := sys.modules.get("tqdm"):
        with tqdm.tqdm.external_write_mode(file=stream):
            click.echo(message, file=stream)
    else:
        click.echo(message, file=stream)


def printable(text: str) -> str:
    """Text from a file or a file's name, in one line, with nothing in it that a terminal would obey."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the arguments; None for the process's own.

    Returns:
        The exit status: 0 done, 1 an error, 2 wrong usage, 130 stopped by Ctrl-C (143 by SIGTERM).
    """
    arguments = None if argv is None else list(argv)
    try:
        with _messages():
            status = cli.main(args=arguments, prog_name="fastnst", standalone_mode=False)
    except click.ClickException as err:
        err.show()
        return err.exit_code
    except FastNSTError as err:
        say(printable(f"fastnst: {err}"))
        return 1
    except OSError as err:  # the system's refusal where nothing better could be said, such as a full disk
        where = f"{err.filename}: " if err.filename else ""
        say(printable(f"fastnst: {where}{err.strerror or err}"))
        return 1
    except (KeyboardInterrupt, click.Abort) as err:
        # click turns the first into the second; training's carries how to go on, and SIGTERM's own status.
        stop = err.__cause__ if isinstance(err, click.Abort) and err.__cause__ else err
        say(printable(f"fastnst: {stop}" if str(stop) else "fastnst: stopped"))
        return int(getattr(stop, "status", 130))
    except SystemExit as err:  # Hydra's way out, and click's where the reader of a pipe has gone
        if isinstance(err.code, str):
            say(err.code)
            return 1
        return err.code or 0
    return status if isinstance(status, int) else 0


def run() -> NoReturn:
    """Run the process's own command line and end the process.

    It ends at once, where that is safe: to take down an interpreter that holds OpenVINO takes 40 ms, and the
    system frees what it held anyway. PyTorch and what comes with it have workers and writers to end in order.

    NumPy's OpenBLAS is told to start no threads: they spin beside those that run the network, which costs a
    small machine a quarter of its time, and nothing here multiplies large matrices in NumPy.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = main()
    if "torch" not in sys.modules:
        with suppress(OSError, ValueError):  # a reader that has gone, a closed stream: Python's own end tells
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(status)
    sys.exit(status)


@contextmanager
def _messages() -> Iterator[None]:
    """Inside the block, what the library logs goes to stderr, and not to what Hydra sets up besides."""
    logger = logging.getLogger("fastnst")
    before = logger.level, logger.propagate
    handler = _Messages()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where the home folder is read-only
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
