"""A demo upstream for all tests of this folder."""

from collections.abc import Iterator

import pytest

from fakes.demo_upstream import DemoUpstream, demo_upstream


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoUpstream]:
    """A demo upstream that asks for a key and logs what it served."""
    log = tmp_path_factory.mktemp("demo") / "served.log"
    with demo_upstream(log=log, key="upstream-secret") as running:
        yield running
