"""A credential as it was presented, not yet believed."""

import msgspec


class Presented(msgspec.Struct, frozen=True):
    """Text that claims to be a key, and where it stood."""

    text: bytes
    location: str
    """``authorization``, ``x-api-key``, ``api-key``, ``x-goog-api-key``, ``basic``,
    ``sec-websocket-protocol``, ``query`` or ``body``."""
