"""A node with a dashboard for the tests of one module, and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from fakes.dashboard import Visit, chromium, set_up, signed_in
from support.node import Node, running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the demo upstream."""
    with running(Node(tmp_path_factory.mktemp("node"), workers=1)) as node:
        yield node


@pytest.fixture(scope="module")
def owner(node: Node) -> Iterator[Visit]:
    """The node's first owner, signed in, without a screen."""
    visit = set_up(node)
    yield visit
    visit.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, owner: Visit) -> Iterator[Page]:
    """A window of the owner's; what the browser complains about fails the test."""
    window = signed_in(browser, owner)
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A form that is refused is answered with 400 and the like, and the browser says so.
        refused = message.text.startswith("Failed to load resource: the server responded with a status of 4")
        if message.type in {"error", "warning"} and not refused:
            complaints.append(message.text)

    window.on("console", listen)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    window.context.close()
    assert complaints == []


@pytest.fixture
def lenient_page(browser: Browser, owner: Visit) -> Iterator[Page]:
    """A window of the owner's, whose browser may complain."""
    window = signed_in(browser, owner)
    yield window
    window.context.close()


@pytest.fixture
def strange_page(browser: Browser, node: Node) -> Iterator[Page]:
    """A window of somebody who has not signed in."""
    context = browser.new_context(base_url=node.url)
    yield context.new_page()
    context.close()
