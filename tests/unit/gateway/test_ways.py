"""Where requests go."""

import pytest

from keyturn import bus
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.routing import UpstreamState
from keyturn.gateway.ways import find_way


@pytest.mark.parametrize("base_url", ["https://api.deepseek.com", "https://api.deepseek.com/v1"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/chat/completions", "/chat/completions"),
        (b"/v1/messages", "/anthropic/v1/messages"),
    ],
)
def test_a_host_with_a_path_of_its_own_is_reached_with_either_base_url(
    base_url: str, path: bytes, expected: str
) -> None:
    """DeepSeek's documentation names both; its own path begins at the host."""
    state = UpstreamState(bus.Upstream("deepseek", base_url, "k", "deepseek", ("k",)), 1)

    way = find_way(state, OPERATIONS[path], "deepseek-chat", stream=False)

    assert way is not None
    before = "/v1" if base_url.endswith("/v1") and not expected.startswith("/anthropic") else ""
    assert way.start == f"POST {before}{expected}".encode()
    assert way.url == f"https://api.deepseek.com{before}{expected}"


@pytest.mark.parametrize(("provider", "whose"), [("groq", "Groq"), ("compatible", "upstream 'mine'")])
def test_a_sentence_names_who_is_asked(provider: str, whose: str) -> None:
    """A server that nobody has heard of goes by the name that the operator gave it."""
    state = UpstreamState(bus.Upstream("mine", "http://host/v1", "k", provider, ("k",)), 1)

    way = find_way(state, OPERATIONS[b"/v1/chat/completions"], "m", stream=False)

    assert way is not None
    assert way.whose == whose
