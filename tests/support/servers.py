"""Programs of others that tests run against: found on this machine, or the test says that it was skipped."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, package: str) -> Path:
    """Return where a program is.

    Args:
        name: Of the program.
        package: The Debian package that holds it, for whoever reads why a test was skipped.
    """
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return Path(found)
    why = f"there is no {name} on this machine; the Debian package {package} has it"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
