"""A job with ``key=value`` settings as a Hydra application: run folders, sweeps, ``--cfg job``."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnst import config
from fastnst.errors import ConfigError, FastNSTError

if TYPE_CHECKING:
    from omegaconf import DictConfig

SWITCHES = {"-m", "--multirun", "-r", "--run", "--resolve", "--hydra-help"}  # Hydra's
OPTIONS = {  # these take a value
    *("-c", "--cfg", "-p", "--package", "-i", "--info"),
    *("-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"),
}

logger = logging.getLogger(__name__)


def application(
    name: str,
    job: Callable[[DictConfig, Path], None],
    argv: Sequence[str],
    *,
    destination: Callable[[DictConfig], Any] = lambda cfg: cfg.out,
) -> None:
    """Run ``job`` as a Hydra application on ``conf/<name>.yaml``, with sweeps and ``--cfg job``.

    The job gets the settings and its run folder, made by Hydra; the working directory stays the user's. In a
    sweep the other jobs go on when one fails, and none overwrites what an earlier one wrote.

    Args:
        name: of the command and its settings.
        job: what is done.
        argv: ``key=value`` settings, and Hydra's flags.
        destination: where a job with these settings writes.

    Raises:
        FastNSTError: an override names nothing, or the job raised one.
        OSError: the job raised one, or the run folder cannot be made.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    failed: list[Exception] = []
    run_dirs: list[Path] = []
    outs: set[str] = set()
    sweep = False

    def safely(cfg: DictConfig) -> None:
        nonlocal sweep
        sys.argv = before  # what Lightning starts again for each further device
        run_dir = Path(HydraConfig.get().runtime.output_dir)
        run_dirs.append(run_dir)
        sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            out = destination(cfg)
            if out is not None and str(out) in outs:
                number = "${hydra:job.num}"
                raise ConfigError(
                    f"an earlier run wrote {out}: out=NAME with {number} in it tells them apart"
                )
            outs.add(str(out))
            job(cfg, run_dir)
        except (FastNSTError, OSError) as err:  # Hydra would print what it thinks of it, too
            failed.append(err)
            if sweep:
                logger.error("%s", err)

    flags, settings = _flags_and_settings(name, argv)
    several = bool({"-m", "--multirun"} & set(flags))
    quoted = [config.quoted(each, sweep=several) for each in settings]
    arguments = [*flags, *quoted]  # Hydra takes flags before or after, not between
    if not flags:
        config.load(name, arguments)  # a mistake is found before a run folder is made
    before = sys.argv
    sys.argv = [f"fastnst {name}", *arguments]
    try:
        with _unfiltered(), config.mistakes_in_one_line():
            hydra.main(version_base="1.3", config_path=str(config.conf_dir()), config_name=name)(safely)()
    finally:
        sys.argv = before
        for run_dir in run_dirs:
            _remove_unused(run_dir, levels=3 if sweep else 2)
    if sweep and failed:
        raise FastNSTError(f"{len(failed)} of the runs failed")
    if failed:
        raise failed[0]


def _flags_and_settings(name: str, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags with their values, and settings; what is neither is refused before Hydra answers."""
    flags: list[str] = []
    settings: list[str] = []
    for argument in argv:
        flag, equals, _ = argument.partition("=")
        if argument.startswith("-"):
            if flag not in SWITCHES | OPTIONS:
                raise ConfigError(
                    f"fastnst {name} has no option {flag}: settings are written NAME=VALUE; fastnst {name} -h"
                )
            flags.append(argument)
        elif equals or argument.startswith("~"):
            settings.append(argument)
        elif flags and flags[-1] in OPTIONS:
            flags.append(argument)
        else:
            raise ConfigError(f"{argument!r}: settings are written NAME=VALUE, as fastnst {name} -h shows")
    return flags, settings


@contextmanager
def _unfiltered() -> Iterator[None]:
    """Inside the block, Hydra raises errors as they are; else it prints its own version and exits."""
    name = "HYDRA_FULL_ERROR"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _remove_unused(run_dir: Path, *, levels: int) -> None:
    """Remove a run folder and those around it, until one holds more than Hydra's records."""
    with suppress(OSError):  # not empty, or gone
        for folder in (run_dir, *run_dir.parents)[:levels]:
            if folder == Path.cwd():
                return
            if folder.exists():
                if {path.name for path in folder.iterdir()} <= {".hydra", "multirun.yaml"}:
                    shutil.rmtree(folder / ".hydra", ignore_errors=True)
                    (folder / "multirun.yaml").unlink(missing_ok=True)
                folder.rmdir()
