"""A control process for the tests of one module, and one for a single test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.control_process import ControlProcess, control_process


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A running control process with the demo's models; its tests make keys of their own."""
    with control_process(tmp_path_factory.mktemp("node") / "data", demo_port=9) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ControlProcess]:
    """A control process for one test, which may end it."""
    with control_process(tmp_path / "data") as found:
        yield found


@pytest.fixture
def key(control: ControlProcess) -> dict[str, Any]:
    """A new key: the answer that its creation gave."""
    answer = control.operator.post("/api/v1/keys", json={"name": "app"})
    assert answer.status_code == 201
    created: dict[str, Any] = answer.json()
    return created
