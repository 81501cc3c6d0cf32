"""OpenVINO's Python package, imported without its converter of other frameworks' models.

``import openvino`` alone imports that too, which sends word of it to Google Analytics, by a process of its
own, and takes most of the time: 0.1 s. The package does without where it cannot be imported.
"""

import sys
from functools import cache
from typing import Any

_CONVERTER = "openvino.tools.ovc"


def _quietly() -> Any:
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    blocked: dict[str, Any] = sys.modules
    blocked[_CONVERTER] = None  # so Python's reference has it: None makes an import fail
    try:
        import openvino
    finally:
        del sys.modules[_CONVERTER]  # whoever wants the converter itself can still import it
    return openvino


openvino = _quietly()


@cache
def core() -> Any:
    """The one ``Core`` of this process.

    Each, when it is made, gives the thread's signals another stack, which goes with it: of two that end in
    the order in which they were made, the second leaves the stack of the first, and the next signal that is
    handled ends the process (seen with 2026.4).
    """
    return openvino.Core()
