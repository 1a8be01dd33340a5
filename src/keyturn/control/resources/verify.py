"""``/api/v1/keys/verify``: whose key is this, and what may it do; for APIs that are not models."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import Example
from litestar.params import Body
from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn import system
from keyturn.control.auth import known_principal, principal_of
from keyturn.control.errors import refuse
from keyturn.control.idempotency import is_kept
from keyturn.control.management import Managed, Management
from keyturn.control.resources.limit_members import LimitObject, limit_objects
from keyturn.control.wire import Answer, Moment, moment, refusals
from keyturn.dialects.envelope import CODES
from keyturn.domain import limits
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason
from keyturn.domain.restrictions import address_of
from keyturn.domain.secret import Secret
from keyturn.services.verification import Question, Verdict

VALID = "VALID"
NO_STORE = ResponseHeader(name="cache-control", value="no-store")

Labels = dict[str, str]
_metadata = msgspec.json.Decoder(Labels)
_encoder = msgspec.json.Encoder()

LARGEST_WHOLE = 1 << 16
"""Bytes; a question has some hundred."""
_HEADERS = ((b"cache-control", b"no-store"), (b"content-type", b"application/json"))


class VerifyKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key that somebody sent you, and what they want to do."""

    key: Annotated[
        str,
        msgspec.Meta(
            description="The secret, as it was sent to you.", examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"]
        ),
    ]
    permissions: Annotated[
        list[Permission], msgspec.Meta(description="It must have all of these; `admin` covers every other.")
    ] = []
    model: Annotated[str, msgspec.Meta(description="It must be allowed to use this model.")] = ""
    endpoint: Annotated[
        str, msgspec.Meta(description="It must be allowed to call this path.", examples=["/reports/daily"])
    ] = ""
    ip: Annotated[
        str,
        msgspec.Meta(
            description="Where the request came from. A key that is bound to addresses is not valid without.",
            examples=["203.0.113.7"],
        ),
    ] = ""
    origin: Annotated[
        str,
        msgspec.Meta(
            description="The request's `Origin`. A key that is bound to origins is not valid without.",
            examples=["https://app.example.com"],
        ),
    ] = ""


_question = msgspec.json.Decoder(VerifyKey)


class VerificationObject(msgspec.Struct, kw_only=True):
    """What is known of the key. Of one that is unknown, or not within your reach, only `code`, `message` and `hint`."""

    valid: Annotated[bool, msgspec.Meta(description="It may do what was asked.")]
    code: Annotated[
        str,
        msgspec.Meta(
            description="`VALID`, or why not: the `code` of the error that the key would get.",
            examples=[VALID],
        ),
    ] = VALID
    message: Annotated[str, msgspec.Meta(description="Why not, for people.")] = ""
    hint: Annotated[str, msgspec.Meta(description="What is wrong with a text that is no key.")] = ""
    key_id: Annotated[str, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])] = ""
    name: str = ""
    kind: Kind | None = None
    account_id: str = ""
    project_id: str = ""
    user_id: Annotated[str, msgspec.Meta(description="Whose personal key it is; empty: a service key.")] = ""
    environment: str = ""
    permissions: list[Permission] = []
    expires_at: Annotated[
        Moment | None, msgspec.Meta(description="When this secret stops working, if nothing changes.")
    ] = None
    limits: Annotated[
        list[LimitObject],
        msgspec.Meta(description="Of the key itself. They count requests to models, not verifications."),
    ] = []
    tags: list[str] = []
    metadata: Labels = {}


@post(
    "/",
    summary="Verify a key",
    status_code=200,
    response_headers=[NO_STORE],
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON),
)
async def verify_key(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        VerifyKey,
        Body(
            description="Only the key is needed.",
            examples=[
                Example(
                    summary="May it read?",
                    id="may_read",
                    value={
                        "key": "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38",
                        "permissions": ["read"],
                        "ip": "203.0.113.7",
                    },
                )
            ],
        ),
    ],
) -> Answer[VerificationObject]:
    """For your own APIs: the answer is 200 whether the key is valid or not; a 401 is about the key you call with.

    Needs `read`, and knows the keys that yours reaches: those of its project, with `admin` those of its account. A
    verification counts as a use of the key, not as a request.
    """
    return await _answer(management, principal_of(request), data)


class Shortcut:
    """An ASGI layer that answers a question that came whole, without the framework's ways to read and to write.

    A verification comes before every request of somebody's API, and those ways take longer than the verification and
    who asks together. What is out of the ordinary goes on to the handler as it came.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call: Any = scope
        if call["method"] != "POST" or is_kept(scope):
            await self._app(scope, receive, send)
            return
        first: Any = await receive()
        data = _question_in(first)
        by = known_principal(scope)
        if data is None or by is None:
            await self._app(scope, _again(first, receive), send)
            return
        body = _encoder.encode(await _answer(scope["litestar_app"].state["management"], by, data))
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": body, "more_body": False})


router = Router("/keys/verify", tags=["Keys"], middleware=[Shortcut], route_handlers=[verify_key])


def _question_in(message: dict[str, Any]) -> VerifyKey | None:
    """Return the question in a message; ``None`` when it is not all of one, or none that can be understood."""
    if message["type"] != "http.request" or message["more_body"] or len(message["body"]) > LARGEST_WHOLE:
        return None
    try:
        return _question.decode(message["body"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the handler says what is wrong with it


def _again(first: Any, receive: Receive) -> Receive:  # noqa: ANN401 -- a message, as the framework types none
    waiting = [first]

    async def again() -> Any:  # noqa: ANN401 -- the same
        return waiting.pop() if waiting else await receive()

    return again


async def _answer(management: Management, by: Principal, data: VerifyKey) -> Answer[VerificationObject]:
    if data.ip and address_of(data.ip) is None:
        refuse(Reason.INVALID_MEMBER, "Not an IP address", "ip")
    question = Question(
        secret=Secret(data.key),
        permissions=frozenset(data.permissions),
        model=data.model,
        endpoint=data.endpoint,
        address=data.ip,
        origin=data.origin,
    )
    return Answer(data=_show(await management.verification.verify(question, by=by)))


def _show(verdict: Verdict) -> VerificationObject:
    key, refused = verdict.key, verdict.refused
    shown = (
        VerificationObject(valid=True)
        if refused is None
        else VerificationObject(
            valid=False,
            code=CODES[refused.reason],
            message=refused.text,
            hint=refused.details.get("hint", ""),
        )
    )
    if key is not None:
        shown.key_id, shown.name, shown.kind = key.id, key.name, key.kind
        shown.account_id, shown.project_id, shown.user_id = key.account_id, key.project_id, key.user_id
        shown.environment, shown.permissions = key.environment, sorted(key.permissions)
        ends = [at for at in (key.expires_at, key.retires_at) if at is not None]
        shown.expires_at = moment(int(min(ends) * 1000)) if ends else None
        own = [bound.limit for bound in key.limits if bound.scope is limits.Scope.KEY]
        shown.limits = limit_objects(own, system.now())
        shown.tags, shown.metadata = list(verdict.tags), _metadata.decode(verdict.metadata)
    return shown
