"""Signatures of other providers, on their way through a dialect that has one opaque place: ``encrypted_content``.

Whoever signs thoughts or calls (Anthropic, Gemini) wants the signature back on the next turn. Clients of this dialect send
items of type ``reasoning`` back as they came, so a signature travels in ``encrypted_content``, marked by words that no
base64 begins with. A call's signature travels in an item of its own behind the call.
"""

_THOUGHT = "signature:"
_CALL = "call-signature:"


def seal(signature: str, sealed: str) -> str:
    """Return the ``encrypted_content`` of thoughts that are signed, or that only the provider can read."""
    return f"{_THOUGHT}{signature}\n{sealed}" if signature else sealed


def unseal(encrypted: str) -> tuple[str, str]:
    """Return the signature and the sealed thoughts; one of both may be empty."""
    if not encrypted.startswith(_THOUGHT):
        return "", encrypted
    signature, _, sealed = encrypted.removeprefix(_THOUGHT).partition("\n")
    return signature, sealed


def of_call(call_id: str, signature: str) -> str:
    """Return the ``encrypted_content`` of an item that stands for the signature of a call."""
    return f"{_CALL}{call_id}\n{signature}"


def call_of(encrypted: str) -> tuple[str, str] | None:
    """Return the id and the signature of a call; ``None``: it is no call's."""
    if not encrypted.startswith(_CALL):
        return None
    call_id, _, signature = encrypted.removeprefix(_CALL).rpartition("\n")
    return call_id, signature
