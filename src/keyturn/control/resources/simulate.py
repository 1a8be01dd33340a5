"""``/api/v1/keys/{id}/simulate``: what would happen to a request, and why, without making it."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.request_objects import CheckObject, show_checks
from keyturn.control.wire import Answer, Moment, milliseconds, refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.restrictions import address_of, origin_of
from keyturn.services.simulate import Question, Verdict

KeyId = Annotated[
    str,
    PathParameter(
        description="The key's `id`, or its name when only one key has it.",
        examples=[Example(value="key_VbXhUyUBKUlzDND0IYtt")],
    ),
]


class Place(StrEnum):
    """Where a key may stand in a request."""

    HEADER = "header"
    QUERY = "query"
    BODY = "body"


class Would(StrEnum):
    """What would happen."""

    ADMITTED = "admitted"
    REFUSED = "refused"


class SimulateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A request that nobody makes."""

    path: Annotated[
        str, msgspec.Meta(description="Of a call to a model.", examples=["/v1/chat/completions"])
    ] = "/v1/chat/completions"
    method: Annotated[
        str, msgspec.Meta(description="Unless said, the one that the path takes.", examples=["POST"])
    ] = ""
    model: Annotated[str, msgspec.Meta(description="Unless named, models are not checked.")] = ""
    ip: Annotated[str, msgspec.Meta(description="The client's address.", examples=["203.0.113.7"])] = ""
    origin: Annotated[
        str, msgspec.Meta(description="What browsers send as `Origin`.", examples=["https://app.example.com"])
    ] = ""
    location: Annotated[Place, msgspec.Meta(description="Where the key stands.")] = Place.HEADER
    at: Annotated[Moment | None, msgspec.Meta(description="When; unless said, now.")] = None
    secret: Annotated[
        str,
        msgspec.Meta(
            description="Which secret: its `id`, or the newest that is `pending`, `active`, `retiring` or `dead`. "
            "Unless said, the newest in use."
        ),
    ] = ""


class SimulationObject(msgspec.Struct, kw_only=True):
    """What would happen. It says nothing about the model's provider, nor about what happened before."""

    would: Would
    status: Annotated[int, msgspec.Meta(description="200 stands for whatever the provider answers.")]
    reason: Annotated[str, msgspec.Meta(description="Why it would be refused; empty when it would not.")] = ""
    message: Annotated[str, msgspec.Meta(description="The same for people.")] = ""
    checks: list[CheckObject]
    key_id: str
    secret_id: str


@post(
    "/{key_id:str}/simulate",
    summary="Simulate a request",
    status_code=200,
    responses=refusals(
        Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT
    ),
)
async def simulate_request(
    request: Request[Any, Any, Any],
    management: Managed,
    key_id: KeyId,
    data: Annotated[
        SimulateRequest,
        Body(
            description="Everything has a default.",
            examples=[
                Example(
                    summary="From elsewhere, next year",
                    id="elsewhere",
                    value={"model": "gpt-5", "ip": "203.0.113.7", "at": "2027-01-01T00:00:00Z"},
                )
            ],
        ),
    ],
) -> Answer[SimulationObject]:
    """The answer comes from the same decisions that requests meet. Nothing is sent, counted or remembered."""
    question = question_of(data)
    return Answer(
        data=_show(granted(await management.simulation.run(key_id, question, by=principal_of(request))))
    )


def question_of(data: SimulateRequest) -> Question:
    """Return the request that is meant.

    Raises:
        RefusedError: It is none that could be made.
    """
    if data.ip and address_of(data.ip) is None:
        refuse(Reason.INVALID_MEMBER, "Not an IP address", "ip")
    if data.path.startswith("/api/") or not data.path.startswith("/"):
        refuse(
            Reason.INVALID_MEMBER,
            "Only calls to models can be simulated, such as /v1/chat/completions",
            "path",
        )
    return Question(
        path=data.path.partition("?")[0],
        method=data.method.upper(),
        model=data.model,
        address=data.ip,
        origin="" if not data.origin else origin_of(data.origin) or "null",
        place=data.location.value,
        at=system.now() if data.at is None else milliseconds(data.at, "at") / 1000,
        secret=data.secret,
    )


router = Router("/keys", tags=["Keys"], route_handlers=[simulate_request])


def _show(verdict: Verdict) -> SimulationObject:
    refused = verdict.refused
    return SimulationObject(
        would=Would.ADMITTED if refused is None else Would.REFUSED,
        status=verdict.status,
        reason="" if refused is None else refused.reason.value,
        message="" if refused is None else refused.text,
        checks=show_checks(verdict.checks),
        key_id=verdict.key_id,
        secret_id=verdict.secret_id,
    )
