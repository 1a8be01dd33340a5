"""Providers that speak the OpenAI API: which headers go there, and which come back."""

from collections.abc import Iterable

FORWARDED = frozenset(
    {
        b"content-type",
        b"accept",
        b"user-agent",
        b"idempotency-key",
        b"openai-beta",
        b"traceparent",
        b"tracestate",
        b"baggage",
    }
)
"""Request headers that reach the provider: what changes the answer or ties traces together, and nothing that
names the caller, its network or its credential. No Accept-Encoding: usage is read from the answer."""

WITHHELD = frozenset(
    {
        # hop by hop, or framing that we write ourselves (RFC 9110 7.6.1)
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        # the provider's origin, not ours
        b"alt-svc",
        b"set-cookie",
        b"strict-transport-security",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"server",
        b"via",
        # who the operator is at the provider, and the limits of that account
        b"openai-organization",
        b"openai-project",
        b"www-authenticate",
        b"x-request-id",
        b"server-timing",
        b"x-ratelimit-limit-requests",
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-requests",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-requests",
        b"x-ratelimit-reset-tokens",
    }
)
"""Answer headers that stay here."""


def is_document(lines: Iterable[bytes]) -> bool:
    """Say whether an answer with these header names and values is one JSON document, of use only when it is whole."""
    return any(piece[:16].lower() == b"application/json" for piece in lines)
