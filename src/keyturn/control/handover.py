"""How a secret leaves the node: in an answer that nobody keeps, or as a link that works once."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter
from msgspec import Meta

from keyturn.config.sections import Server, Settings
from keyturn.control.door import visit_of
from keyturn.control.errors import refuse
from keyturn.control.wire import Moment, moment
from keyturn.domain.refusals import Reason
from keyturn.services.claims import LONGEST_TTL_S, SHORTEST_TTL_S, Claim

UNKEPT = {"cache-control": "no-store"}
"""Headers of an answer that holds a secret."""
WRAP_HEADER = "X-Wrap-TTL"

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,253}")
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- compared with, not listened on

WrapTtl = Annotated[
    str | None,
    HeaderParameter(
        name=WRAP_HEADER,
        description=f"Answer with a link that works once and for so many seconds ({SHORTEST_TTL_S} to {LONGEST_TTL_S}), "
        "instead of the secret.",
        examples=[Example(value=None)],
    ),
]


class ClaimObject(msgspec.Struct):
    """A link to a secret; whoever opens it first has the secret."""

    token: Annotated[
        str, Meta(description="For `POST /api/v1/claims`.", examples=["7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u"])
    ]
    url: Annotated[
        str,
        Meta(
            description="A page that claims it; the token stands behind the `#`, which browsers send to nobody.",
            examples=["https://keys.example.com/claim#7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u"],
        ),
    ]
    expires_at: Moment


def wrap_ttl_s(given: str | None) -> int | None:
    """Read the header ``X-Wrap-TTL``; ``None``: it was not sent.

    Raises:
        RefusedError: It is no number of seconds that a link may work.
    """
    if given is None:
        return None
    seconds = int(given) if re.fullmatch(r"[0-9]{1,7}", given) else 0
    if not SHORTEST_TTL_S <= seconds <= LONGEST_TTL_S:
        message = f"{WRAP_HEADER} is a number of seconds from {SHORTEST_TTL_S} to {LONGEST_TTL_S}"
        refuse(Reason.INVALID_MEMBER, message, WRAP_HEADER)
    return seconds


def claim_object(claim: Claim, base_url: str) -> ClaimObject:
    """Return a claim as it is shown."""
    token = claim.token.reveal()
    return ClaimObject(token, f"{base_url}/claim#{token}", moment(claim.expires_at_ms))


def people_url(request: Request[Any, Any, Any], settings: Settings) -> str:
    """Return how links for people begin: as it is set, else the address under which clients see this node."""
    return settings.people.url.rstrip("/") or base_url(request, settings.server)


def base_url(request: Request[Any, Any, Any], server: Server) -> str:
    """Return the address under which clients see this node.

    A worker passes on what the client used; for the operator at the control socket it is what the node listens on.
    """
    host = request.headers.get("x-forwarded-host") or request.headers.get("host") or ""
    if visit_of(request.scope).local or not _HOST.fullmatch(host):
        scheme = "https" if server.tls_cert else "http"
        name = "127.0.0.1" if server.host in _WILDCARDS else server.host
        return f"{scheme}://{f'[{name}]' if ':' in name else name}:{server.port}"
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host}"
