"""What the page that asks for proof says of what waits for it."""

import pytest
from litestar.handlers import HTTPRouteHandler

from keyturn.control.dashboard import routes
from keyturn.control.dashboard.guard import PROOF
from keyturn.control.dashboard.shell import PATH

WORDS = routes.proof_words()
ASKED = [
    (method, path, handler.opt[PROOF])
    for page in routes.PAGES
    for handler in page.HANDLERS
    if isinstance(handler, HTTPRouteHandler) and handler.opt.get(PROOF)
    for method in handler.http_methods
    for path in handler.paths
]


@pytest.mark.parametrize(("method", "path", "words"), ASKED)
def test_each_route_that_asks_for_proof_says_what_it_does(method: str, path: str, words: str) -> None:
    """Whoever types a password for it had better know."""
    address = PATH + "/".join("usr_1%20x" if part.startswith("{") else part for part in path.split("/"))

    assert WORDS.of(method, f"{address}?why=not") == words
    assert WORDS.of(method, f"{address}/more") == ""
    assert words[0].islower()


@pytest.mark.parametrize("address", ["", "/dashboard", "/dashboard/team/usr_1"])
def test_of_other_pages_nothing_is_said(address: str) -> None:
    """A page to come back to does nothing; its forms do."""
    assert WORDS.of("GET", address) == ""
