"""``/api/v1/keys/revoke-exposed`` and ``/api/v1/leaks``: what to do with keys that somebody has found.

Neither asks for a key: the first takes the whole secret for proof, the second a signature of GitHub's kind.
"""

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn import system
from keyturn.control import bodies
from keyturn.control.auth import principal_of
from keyturn.control.errors import RefusedError, refuse
from keyturn.control.idempotency import REPEATABLE
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import Secret
from keyturn.services.leaks import Report

MOST = 1_000
KEY_HEADER, SIGNATURE_HEADER = "github-public-key-identifier", "github-public-key-signature"


class ExposedKeys(msgspec.Struct, forbid_unknown_fields=True):
    """Secrets that should work no more."""

    keys: Annotated[
        list[str],
        msgspec.Meta(
            min_length=1,
            max_length=MOST,
            description="Whole secrets.",
            examples=[["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"]],
        ),
    ]


class Accepted(msgspec.Struct):
    """The same whatever was sent: nobody learns which texts are keys."""

    accepted: Annotated[int, msgspec.Meta(description="How many texts were sent.", examples=[1])]


class ReportedLeak(msgspec.Struct):
    """One match of a secret scanner."""

    token: str
    type: str = ""
    url: str = ""
    source: str = ""


class Label(msgspec.Struct):
    """What became of one match."""

    token_hash: Annotated[str, msgspec.Meta(description="SHA-256 of the token, in hexadecimal.")]
    token_type: str
    label: Annotated[str, msgspec.Meta(description="`true_positive` or `false_positive`.")]


@post(
    "/keys/revoke-exposed",
    summary="Revoke exposed keys",
    status_code=202,
    opt=REPEATABLE,
    security=[],
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RATE_LIMIT_EXCEEDED),
)
async def revoke_exposed(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        ExposedKeys,
        Body(
            examples=[
                Example(summary="One key", id="one", value={"keys": ["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"]})
            ]
        ),
    ],
) -> Answer[Accepted]:
    """Whoever holds a secret may end it: no key is needed, up to 60 calls an hour from an address.

    Each text that is the whole secret of a key revokes that key; no worker accepts it when the call returns. Of a key
    in rotation whose newer secret is in use already, only the old secret ends. The owner is told by an event.
    """
    by = principal_of(request)
    refused = management.leaks.limit.refuse(by.address, system.monotonic())
    if refused is not None:
        raise RefusedError(refused)
    await management.leaks.revoke_exposed(map(Secret, data.keys), by=by)
    return Answer(data=Accepted(len(data.keys)))


@post(
    "/leaks",
    summary="Report leaked keys",
    status_code=200,
    opt=REPEATABLE,
    security=[],
    media_type=MediaType.JSON,
    responses=refusals(
        Reason.INVALID_SIGNATURE, Reason.INVALID_JSON, Reason.INVALID_MEMBER, Reason.PATH_NOT_FOUND
    ),
)
async def report_leaks(request: Request[Any, Any, Any], management: Managed) -> Response[list[Label]]:
    """For secret scanners, in the format of GitHub's partner program: an array of `{token, type, url, source}`.

    Signed over the raw body with ECDSA (P-256, SHA-256) in `Github-Public-Key-Signature`, with the key that
    `Github-Public-Key-Identifier` names among those behind the setting `leaks.public_keys_url`. Without that setting
    there is nothing at this path. What is done with a key says the setting `leaks.action`.
    """
    if management.report_keys is None:
        refuse(Reason.PATH_NOT_FOUND)
    body = await request.body()
    identifier, signature = (request.headers.get(name, "") for name in (KEY_HEADER, SIGNATURE_HEADER))
    refused = await management.report_keys.refuse(identifier, signature, body)
    if refused is not None:
        raise RefusedError(refused)
    sent: list[ReportedLeak] = bodies.read(body, list[ReportedLeak])
    if len(sent) > MOST:
        refuse(Reason.INVALID_MEMBER, f"A report has at most {MOST:,} matches")
    reports = [Report(Secret(one.token), one.url) for one in sent]
    known = await management.leaks.reported(reports, by=principal_of(request))
    return Response([_label(one, is_ours=ours) for one, ours in zip(sent, known, strict=True)])


router = Router("/", tags=["Leaks"], route_handlers=[revoke_exposed, report_leaks])


def _label(leak: ReportedLeak, *, is_ours: bool) -> Label:
    token_hash = hashlib.sha256(leak.token.encode("utf-8", "replace")).hexdigest()
    return Label(token_hash, leak.type, "true_positive" if is_ours else "false_positive")
