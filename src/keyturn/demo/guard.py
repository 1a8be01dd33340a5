"""The demo upstream's credential: one key, brought as the dialect of the path does."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from keyturn.demo import replies, wording
from keyturn.demo.replies import Reply


class Guard:
    """Knows the key. A bearer token is taken in every dialect, as Anthropic and Google take it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._authorization = b"Bearer " + key

    def check(
        self, target: bytes, headers: Mapping[bytes, bytes], *, anthropic_version: bool
    ) -> Reply | None:
        """Return the refusal of a request that does not bring the key; ``None`` for one that does."""
        if hmac.compare_digest(headers.get(b"authorization", b""), self._authorization):
            return None
        path, _, query = target.decode("latin-1").partition("?")
        dialect = wording.of_path(path, anthropic=anthropic_version)
        if dialect is wording.ANTHROPIC:
            brought = headers.get(b"x-api-key", b"")
        elif dialect is wording.GEMINI:
            brought = headers.get(b"x-goog-api-key", b"") or parse_qs(query).get("key", [""])[-1].encode()
        else:
            return replies.error(401, "Incorrect API key provided.", code="invalid_api_key")
        return None if hmac.compare_digest(brought, self._key) else dialect.error(401, "invalid API key")
