"""Official SDKs against every dialect of a provider, through a node with the demo upstream."""

from collections.abc import Iterator

import pytest

from clients.matrix import node_sdks, page
from clients.matrix.cells import Cell
from clients.matrix.refusals import EXPECTED
from clients.matrix.running import CELLS, NODE, Matrix, matrix as running_matrix


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The matrix, with a node of its own."""
    with running_matrix(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_an_sdk_gets_from_any_provider_what_it_asks_for_or_a_refusal_that_says_why(
    matrix: Matrix, cell: Cell
) -> None:
    """What people wrote for one provider runs on all of them; what can't is refused before it costs anything."""
    if cell.sdk in NODE:
        node_sdks.look_for_sdks()

    outcome = matrix.outcome(cell)

    expected = EXPECTED.get((cell.sdk, cell.check, cell.dialect))
    if expected is None:
        assert outcome is None
    else:
        assert outcome is not None
        assert outcome.status == expected.status
        assert expected.says in outcome.detail


def test_the_page_on_compatibility_says_what_was_found(matrix: Matrix) -> None:
    """It is what people decide by."""
    node_sdks.look_for_sdks()

    text = page.render({cell: matrix.outcome(cell) for cell in CELLS})

    if page.is_to_be_written():
        page.PATH.write_text(text, "utf-8")
    assert page.PATH.read_text("utf-8") == text, (
        "docs/compatibility.md is not what was found: make compatibility"
    )
