"""What is stored instead of a secret.

``HMAC-SHA256(pepper, SHA-256(secret))``: fast, and useless to whoever can only read or write the
database. The inner hash lets keys of other systems be taken over from their hash dumps. A slow hash
would add nothing: there are 154 random bits to guess.
"""

import hashlib
import hmac

DIGEST_LENGTH = 32


def digest(secret: bytes) -> bytes:
    """Return SHA-256 of a presented secret (32 bytes): what travels between our processes."""
    return hashlib.sha256(secret).digest()


def verifier(pepper: bytes, secret_digest: bytes) -> bytes:
    """Return the stored form (32 bytes) of the secret with this digest."""
    return hmac.digest(pepper, secret_digest, "sha256")


def binding(pepper: bytes, stored: bytes, key_id: str) -> bytes:
    """Return what ties a verifier to its key, so that a database writer can't move it to a stronger one."""
    return hmac.digest(pepper, stored + key_id.encode(), "sha256")


def matches(expected: bytes, found: bytes) -> bool:
    """Compare two verifiers in constant time."""
    return hmac.compare_digest(expected, found)
