"""The table of features."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "features.md"
_ROW = re.compile(r"^\| (K\d{2,3}) \| (.+?) \| (.*?) \| (?:\[(.+)\]\(\.\./(.+)\)|—) \|$", re.MULTILINE)
ROWS = _ROW.findall(PAGE.read_text("utf-8"))
COVERED = [
    1, 2, *range(4, 57), *range(59, 75), 78, 79, *range(83, 113), *range(114, 138),
]  # fmt: skip


def test_every_feature_of_key_management_has_its_row() -> None:
    """What is not listed is not missed by anybody. The numbers between are other parts of the product."""
    assert [row[0] for row in ROWS] == [f"K{number:02}" for number in COVERED]


@pytest.mark.parametrize(("title", "file"), [(row[3], row[4]) for row in ROWS if row[3]])
def test_the_test_that_proves_a_feature_exists(title: str, file: str) -> None:
    """A row whose proof was renamed or deleted proves nothing."""
    name = "test_" + title.replace(" ", "_")

    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
