"""A job with ``key=value`` settings as a Hydra application: run folders, sweeps, ``--cfg job``."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnst import config
from fastnst.errors import ConfigError, FastNSTError

if TYPE_CHECKING:
    from omegaconf import DictConfig

FLAGS = {  # of Hydra, and whether a value follows
    **dict.fromkeys(("-m", "--multirun", "-r", "--run", "--resolve", "--hydra-help", "-i", "--info"), False),
    **dict.fromkeys(("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name"), True),
    **dict.fromkeys(("-cd", "--config-dir"), True),
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
    outs: set[str] = set()
    sweep = False

    def safely(cfg: DictConfig) -> None:
        nonlocal sweep
        sys.argv = before  # what Lightning starts again for each further device
        run_dir = Path(HydraConfig.get().runtime.output_dir)
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
        finally:
            _remove_unused(run_dir)

    _check_form(name, argv)
    arguments = [config.quoted(argument) for argument in argv]
    arguments.sort(key=lambda argument: "=" in argument)  # Hydra takes flags before or after, not between
    if not any(argument.startswith("-") for argument in argv):
        config.load(name, arguments)  # a mistake is found before a run folder is made
    before = sys.argv
    sys.argv = [f"fastnst {name}", *arguments]
    try:
        with _unfiltered(), config.mistakes_in_one_line():
            hydra.main(version_base="1.3", config_path=str(config.conf_dir()), config_name=name)(safely)()
    finally:
        sys.argv = before
    if sweep and failed:
        raise FastNSTError(f"{len(failed)} of the runs failed")
    if failed:
        raise failed[0]


def _check_form(name: str, argv: Sequence[str]) -> None:
    """Refuse what is neither a setting nor a flag; Hydra would answer with its own usage."""
    rest = iter(argv)
    for argument in rest:
        flag, equals, _ = argument.partition("=")
        if argument.startswith("-"):
            if flag not in FLAGS:
                raise ConfigError(
                    f"fastnst {name} has no option {flag}: settings are written NAME=VALUE; fastnst {name} -h"
                )
            if FLAGS[flag] and not equals:
                next(rest, None)
        elif not equals and not argument.startswith("~"):
            raise ConfigError(f"{argument!r}: settings are written NAME=VALUE, as fastnst {name} -h shows")


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


def _remove_unused(run_dir: Path) -> None:
    """Remove a run folder that holds nothing but Hydra's record of the settings; its parent, too."""
    for folder, records in ((run_dir, {".hydra", "multirun.yaml"}), (run_dir.parent, {"multirun.yaml"})):
        if folder == Path.cwd() or {path.name for path in folder.iterdir()} - records:
            return
        shutil.rmtree(folder, ignore_errors=True)
