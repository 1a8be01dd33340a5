"""Signatures of requests to Amazon Web Services, version 4.

What is signed is the request in a canonical form: method, path, query, the headers that are sent because of it, and a
digest of the body. The key is derived from the secret for one day, one region and one service.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from keyturn.providers.provider import Headers, ToSign

_ALGORITHM = "AWS4-HMAC-SHA256"
_END = "aws4_request"


class Access(msgspec.Struct, frozen=True):
    """Who signs.

    Attributes:
        key_id: The access key's identifier; it is sent.
        secret: The access key's secret; it is not.
        token: Of a session, for access keys that are lent; empty: none.
    """

    key_id: str
    secret: str
    token: str = ""


def sign(request: ToSign, access: Access, *, region: str, service: str) -> Headers:
    """Return the headers to add to a request that has no query but the one of its URL.

    Args:
        request: What is sent. ``host`` is signed as the URL has it.
        access: Who sends it.
        region: Where: ``us-east-1``.
        service: To whom: ``bedrock``.
    """
    moment = datetime.fromtimestamp(request.at, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("x-amz-date", moment)]
    if access.token:
        added.append(("x-amz-security-token", access.token))
    signed = [("host", urlsplit(request.url).netloc), *added]
    names = ";".join(name for name, _ in signed)
    scope = f"{moment[:8]}/{region}/{service}/{_END}"
    canonical = canonical_request(request, signed, names)
    to_sign = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_key(access.secret, scope), to_sign.encode(), hashlib.sha256).hexdigest()
    shown = f"{_ALGORITHM} Credential={access.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return (*added, ("authorization", shown))


def canonical_request(request: ToSign, signed: list[tuple[str, str]], names: str) -> str:
    """Return what is signed, in its canonical form; ``signed`` are the headers in order of their ``names``."""
    url = urlsplit(request.url)
    # The path is encoded once more than it is sent: every service but S3 wants it so.
    path = quote(url.path or "/", safe="/~")
    query = sorted((_encoded(name), _encoded(value)) for name, value in _members(url.query))
    return "\n".join(
        (
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(value.split())}" for name, value in signed),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _members(query: str) -> list[tuple[str, str]]:
    # A plus is a plus here, not a blank.
    return parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
