"""``python -m fastnst``."""

from fastnst.cli import run

run()
