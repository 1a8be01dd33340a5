"""Who may report leaks: the public keys of a secret scanner, as GitHub publishes its own.

Source: https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program
"""

import asyncio
import base64
import binascii
from collections.abc import Callable

import httpx
import msgspec
import structlog
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keyturn import system
from keyturn.domain.refusals import Reason, Refused

KEPT_S = 1_800.0
ASK_AGAIN_S = 60.0
"""How long an unknown key is not asked for again."""
TIMEOUT_S = 10.0


class _PublicKey(msgspec.Struct, frozen=True):
    key_identifier: str
    key: str


class _PublicKeys(msgspec.Struct, frozen=True):
    public_keys: list[_PublicKey]


class ReportKeys:
    """The keys behind a URL, kept for half an hour."""

    def __init__(
        self, url: str, *, proxy: str = "", monotonic: Callable[[], float] = system.monotonic
    ) -> None:
        """Take in where they are.

        Args:
            url: Answers ``{"public_keys": [{"key_identifier": …, "key": PEM}]}``.
            proxy: What leads there; empty for nothing.
            monotonic: A clock in seconds that only goes forward.
        """
        self._url = url
        self._proxy = proxy
        self._monotonic = monotonic
        self._keys: dict[str, str] = {}
        self._fetched = self._tried = float("-inf")
        self._asking = asyncio.Lock()

    async def refuse(self, identifier: str, signature: str, body: bytes) -> Refused | None:
        """Refuse a body that none of the keys has signed.

        Args:
            identifier: Which key, as the request says.
            signature: Base64 of an ECDSA signature (P-256, SHA-256, ASN.1) over ``body``.
            body: As it came, to the byte.
        """
        if not identifier or not signature:
            return Refused(Reason.INVALID_SIGNATURE, "The report is not signed")
        async with self._asking:
            if not await self._fresh(identifier):
                return Refused(
                    Reason.AUTH_UNAVAILABLE, "The keys that sign reports can't be fetched at the moment"
                )
        pem = self._keys.get(identifier)
        if pem is None or not _is_signed(pem, signature, body):
            return Refused(Reason.INVALID_SIGNATURE)
        return None

    async def _fresh(self, identifier: str) -> bool:
        """Fetch the keys where they are too old, or this one is not among them; ``False``: they can't be had."""
        now = self._monotonic()
        usable = now - self._fetched < KEPT_S
        if (usable and identifier in self._keys) or now - self._tried < ASK_AGAIN_S:
            return usable
        self._tried = now
        try:
            async with httpx.AsyncClient(
                proxy=self._proxy or None, trust_env=False, timeout=TIMEOUT_S, follow_redirects=True
            ) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
            found = msgspec.json.decode(answer.content, type=_PublicKeys).public_keys
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            structlog.get_logger().error("the keys that sign leak reports can't be fetched", why=str(error))
            return usable
        self._keys = {one.key_identifier: one.key for one in found}
        self._fetched = self._monotonic()
        return True


def _is_signed(pem: str, signature: str, body: bytes) -> bool:
    try:
        key = load_pem_public_key(pem.encode())
        raw = base64.b64decode(signature, validate=True)
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        return False
    if not isinstance(key, EllipticCurvePublicKey):
        return False
    try:
        key.verify(raw, body, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
