"""The table of calls, against the one that workers go by."""

import pytest

from keyturn.dialects.data_plane import CALLS, dialect_at, find, spelled_as_in_lists
from keyturn.gateway import paths

WITHOUT_A_KEY = {paths.HEALTH, paths.READY}
FOR_PROXIES = {paths.AUTH}
"""It judges requests to somebody else's API: for those there is ``/api/v1/keys/verify``."""
NAMING_A_MODEL = (
    "/v1/engines/m/completions",
    "/v1/models/m",
    "/v1/models/m:generateContent",
    "/v1beta/models/m:generateContent",
)


def test_the_paths_are_those_that_workers_know() -> None:
    """A path that only one of the two knows is simulated otherwise than it is served."""
    known = {
        path.decode()
        for path, operation in paths.OPERATIONS.items()
        if operation.shape not in WITHOUT_A_KEY | FOR_PROXIES
    }

    assert set(CALLS) == known


@pytest.mark.parametrize("path", [*CALLS, *NAMING_A_MODEL])
def test_each_call_is_what_workers_make_of_it(path: str) -> None:
    """Permission, methods, dialect, and whether a model answers there."""
    operation = paths.OPERATIONS.get(path.encode()) or paths.find(path.encode())[0]
    call, model = find(path)

    assert call is not None
    assert operation is not None
    assert call.name == operation.name
    assert call.methods == {method.decode() for method in operation.methods}
    assert (call.needs, call.dialect) == (operation.needs, operation.dialect)
    assert model == ("m" if path in NAMING_A_MODEL else "")


@pytest.mark.parametrize(
    "path", ["/v1/engines//completions", "/v1/models/", "/v1/nothing", "/v1/messages/batches", "/mj/x", "/v1"]
)
def test_a_path_that_leads_nowhere_for_workers_leads_nowhere_here(path: str) -> None:
    """And the error is told in the same dialect."""
    operation, _ = paths.find(path.encode())

    assert operation in paths.UNKNOWN.values()
    assert find(path) == (None, "")
    assert operation is not None
    assert dialect_at(path) is operation.dialect


@pytest.mark.parametrize(
    ("path", "known_as"),
    [
        ("/v1/models/m:generateContent", "/v1beta/models/m:generateContent"),
        ("/v1beta/models/m:generateContent", "/v1beta/models/m:generateContent"),
        ("/v1/models/m", "/v1/models/m"),
        ("/v1/models/m:free", "/v1/models/m:free"),
        ("/v1/chat/completions", "/v1/chat/completions"),
    ],
)
def test_lists_of_endpoints_know_a_call_by_one_path(path: str, known_as: str) -> None:
    """A key that may list models by ``/v1/models*`` must not call them by Gemini's second path."""
    assert spelled_as_in_lists(path) == known_as
