"""Nothing of the machine it was written on stays in the tree."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "bench", "docs", "requirements", ".ci")
BINARY = {".png", ".ico", ".woff2", ".gz", ".pyc", ".db"}
# Written apart, so that they don't find themselves.
INDEX = re.compile(
    "|".join(["pypi" + r"\.", "python" + "hosted", "--(extra-)?" + "index-url", "://[^/ ]*/sim" + "ple"])
)
PLACE = re.compile(
    "|".join(["/work" + "/", "/home" + r"/(?!you\b|keyturn\b)\w", "/Use" + "rs/", "/root" + "/[.a-z]*work"])
)


def _files() -> list[Path]:
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    files = [*inside, *ROOT.glob("*")]
    kept = [path for path in files if path.is_file() and path.suffix not in BINARY]
    return [
        path for path in kept if not path.name.startswith(".coverage") and "__pycache__" not in path.parts
    ]


def _found(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in _files():
        text = path.read_text(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    return found


def test_no_file_names_a_package_index() -> None:
    """The lock is installed from whichever index the reader trusts; hashes say what is in it."""
    assert _found(INDEX) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """It would work there and nowhere else."""
    assert len(_files()) > 100
    assert _found(PLACE) == []


def test_every_data_file_says_where_it_comes_from() -> None:
    """Licences ask for it, and whoever wants to renew it."""
    data = ROOT / "tests" / "data"
    told = (data / "SOURCES.md").read_text()

    untold = [path.name for path in data.glob("*.json") if path.name not in told]

    assert untold == []
