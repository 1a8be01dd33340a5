"""Access tokens that stand for a credential for an hour: asked for here, renewed in time, handed to workers.

Only Vertex AI wants it so. The key file itself never leaves this process.
"""

import hashlib
import ssl
from collections.abc import Awaitable, Callable

import httpx
import msgspec

from keyturn import system
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Relay
from keyturn.providers import vertex

RENEWED_BEFORE_S = 300
"""How long before its end a token is replaced: requests that begin now must end with it, and Google may be away."""
TIMEOUT_S = 5.0
LARGEST_ANSWER = 1 << 16

Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Sends a form to an address and returns status and body; raises ``httpx.HTTPError``."""


class _Held(msgspec.Struct, frozen=True):
    token: str
    expires_at: float


class AccessTokens:
    """The tokens of this process, by the credential they were given for."""

    def __init__(self, relay: Relay, *, post: Post | None = None) -> None:
        """Begin without any.

        Args:
            relay: Which proxy leads out.
            post: Instead of a request over the network.
        """
        self._relay = relay
        self._post = post or self._over_http
        self._held: dict[bytes, _Held] = {}
        self.count = 0
        """How many have been given; it tells whether there is a new one."""

    def held(self, credential: str) -> str:
        """Return the token that stands for a credential now; empty: there is none."""
        found = self._held.get(_digest(credential))
        return found.token if found is not None and found.expires_at > system.now() else ""

    async def renew(self, credential: str) -> str:
        """Ask for a token if it is due; return why there is none, empty when there is one."""
        now = system.now()
        found = self._held.get(_digest(credential))
        if found is not None and found.expires_at - now >= RENEWED_BEFORE_S:
            return ""
        try:
            account = vertex.read_account(credential)
            status, body = await self._post(account.token_uri, vertex.assertion(account, int(now)))
            if status != httpx.codes.OK:
                return f"Google gives no access token (status {status})"
            token = vertex.read_token(body)
        except ValueError as error:  # of the key file, and of an answer that is no token
            is_answer = isinstance(error, msgspec.DecodeError)
            return "what Google answers is no access token" if is_answer else str(error)
        except httpx.HTTPError as failure:
            return f"Google can't be asked for an access token ({type(failure).__name__})"
        self._held[_digest(credential)] = _Held(token.access_token, now + token.expires_in)
        self.count += 1
        return ""

    async def _over_http(self, url: str, form: bytes) -> tuple[int, bytes]:
        proxy = proxy_for(url, self._relay) or None
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        verify = ssl.create_default_context()
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, proxy=proxy, trust_env=False, verify=verify) as client,
            client.stream("POST", url, content=form, headers=headers) as answer,
        ):
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    break
            return answer.status_code, bytes(body)


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()
