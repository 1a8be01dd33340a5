"""A program that stands still at one of its imports until a test lets it go on, or has the import fail."""

import os
from pathlib import Path

# It stands where a module's own code runs: other threads can import meanwhile, as while that takes its time.
_MODULE = """
import sys

with open({gate!r}, "rb", 0) as gate:
    if gate.read(1) != b"+":
        raise ImportError("nobody has " + __name__)
sys.path.remove({folder!r})
del sys.modules[__name__]
__import__(__name__)
"""


class HeldImport:
    """Holds the import of one module in every Python that starts in ``environment``."""

    def __init__(self, folder: Path, module: str) -> None:
        gate, instead = folder / "gate", folder / "instead"
        os.mkfifo(gate)
        # Open for both, so that neither side waits for the other to open it.
        self._gate = os.open(gate, os.O_RDWR)
        instead.mkdir()
        (instead / f"{module}.py").write_text(_MODULE.format(gate=str(gate), folder=str(instead)))
        path = os.pathsep.join(filter(None, [str(instead), os.environ.get("PYTHONPATH", "")]))
        self.environment = {**os.environ, "PYTHONPATH": path}

    def let_go(self) -> None:
        """Let it go on."""
        os.write(self._gate, b"+")

    def fail(self) -> None:
        """Let it fail, as where the module is missing."""
        os.write(self._gate, b"-")

    def close(self) -> None:
        """Let go of the gate."""
        os.close(self._gate)
