"""``python -m fastnst``."""

import sys

from fastnst.cli import main

sys.exit(main())
