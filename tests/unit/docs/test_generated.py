"""The reference pages, and what the hand-written ones say, against the source."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_the_reference_pages_are_what_the_source_says() -> None:
    """A page that describes last month's program misleads more than none."""
    written = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert written.stdout == "", f"stale; run `make docs`: {written.stdout}"
    assert written.stderr == ""
    assert written.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    """Files are renamed and headings reworded; whoever follows the link finds out last."""
    broken = [
        f"{path}#{anchor}" if anchor else path
        for path, anchor in _LINK.findall(page.read_text("utf-8"))
        if not _leads_somewhere((page.parent / unquote(path)) if path else page, anchor)
    ]

    assert broken == []


def _leads_somewhere(target: Path, anchor: str) -> bool:
    if not target.exists():
        return False
    return not anchor or anchor in {_slug(one) for one in _HEADING.findall(target.read_text("utf-8"))}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
