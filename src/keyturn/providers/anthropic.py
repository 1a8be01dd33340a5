"""Anthropic: its own dialect, the key in a header of its own, a version in every request.

Source: https://platform.claude.com/docs/en/api/overview
"""

from collections.abc import Mapping

from keyturn.providers import provider
from keyturn.providers.provider import CHATS, Codec, Headers, Provider

VERSION = "2023-06-01"
FORWARDED = provider.FORWARDED | {b"anthropic-version", b"anthropic-beta"}
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
WITHHELD = provider.WITHHELD | {
    b"anthropic-organization-id",
    b"request-id",
    *(
        f"anthropic-ratelimit-{limit}-{part}".encode()
        for limit in _LIMITS
        for part in ("limit", "remaining", "reset")
    ),
}
"""Beside what everybody's stay here: whose account it is, and what that may."""
_PATHS: Mapping[str, str] = {provider.COUNT_TOKENS: "/messages/count_tokens"}
_MOST_LISTED = 1000


class Anthropic(Provider, frozen=True, kw_only=True):
    """The provider, or a host that speaks its dialect just so."""

    forwarded: frozenset[bytes] = FORWARDED
    withheld: frozenset[bytes] = WITHHELD
    defaults: Headers = (("anthropic-version", VERSION),)

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """Every chat becomes messages; their tokens can be counted."""
        del model
        if operation in CHATS:
            return Codec.ANTHROPIC_MESSAGES
        return Codec.ANTHROPIC_TOKENS if operation == provider.COUNT_TOKENS else None

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """The model and whether to stream stand in the body."""
        del model, stream
        return _PATHS.get(operation, "/messages")

    def headers(self, credential: str, operation: str = provider.CHAT) -> Headers:
        """The key in ``x-api-key``."""
        del operation
        return (("x-api-key", credential),) if credential else ()

    def models_url(self, base_url: str) -> str:
        """All of them on one page."""
        return f"{base_url}/models?limit={_MOST_LISTED}"


ANTHROPIC = Anthropic(
    id="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    root="/v1",
    variables=("ANTHROPIC_API_KEY",),
    source="https://platform.claude.com/docs/en/api/overview",
)
