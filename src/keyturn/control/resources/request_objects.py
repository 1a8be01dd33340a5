"""What the API shows of a request."""

import codecs
from base64 import b64encode
from enum import StrEnum
from typing import Annotated

import msgspec

from keyturn.control.wire import Moment, Usd, moment
from keyturn.domain import checks
from keyturn.domain.bodies import Body
from keyturn.domain.journal import Admitted, Refused, Served, attempts_of
from keyturn.domain.money import format_usd
from keyturn.store.requests import Ended

UNDER_WAY = "under_way"


class CheckObject(msgspec.Struct):
    """One check, in the order they are made."""

    name: Annotated[str, msgspec.Meta(examples=["well formed"])]
    passed: Annotated[bool | None, msgspec.Meta(description="null: an earlier one refused the request.")]
    detail: Annotated[
        str, msgspec.Meta(description="What it was decided by, such as the list that a model is not on.")
    ] = ""


class AttemptObject(msgspec.Struct):
    """One attempt at a target."""

    target: Annotated[
        str,
        msgspec.Meta(description="`upstream/model`, as in `x-keyturn-target`.", examples=["openai/gpt-4o"]),
    ]
    outcome: Annotated[
        str,
        msgspec.Meta(
            description="`ok`, the provider's status, `unreachable`, `timeout`, `closed`, `malformed`, `busy`: the "
            "operator's own limits left no room, or how the request ended.",
            examples=["429"],
        ),
    ]
    took_ms: int


class RequestObject(msgspec.Struct, kw_only=True):
    """One request. Of a refused one, nothing from `upstream` on is known."""

    request_id: str
    source: Annotated[
        str,
        msgspec.Meta(
            description="`journal`: it was written down. `memory`: a worker remembers refusing it, one of very many.",
            examples=["journal"],
        ),
    ]
    checks: list[CheckObject]
    status: int
    reason: Annotated[str, msgspec.Meta(description="Why it was refused; empty when it was let in.")] = ""
    detail: Annotated[str, msgspec.Meta(description="Why it was refused, more closely.")] = ""
    outcome: Annotated[
        str,
        msgspec.Meta(
            description="`ok`, `under_way`, `client_left`, `upstream_cut`, `recovered`, or why it failed.",
            examples=["ok"],
        ),
    ] = ""
    started_at: Moment
    operation: str
    path: str = ""
    location: Annotated[str, msgspec.Meta(description="Where the key stood.", examples=["authorization"])] = (
        ""
    )
    address: str = ""
    key_id: str = ""
    key_name: str = ""
    model: str = ""
    upstream: str = ""
    upstream_model: str = ""
    attempts: Annotated[
        list[AttemptObject], msgspec.Meta(description="In order, the last one last; empty when it was one.")
    ] = []
    streamed: bool = False
    auth_us: Annotated[
        int, msgspec.Meta(description="Until the key was decided. All times from the whole request read.")
    ] = 0
    sent_us: Annotated[int, msgspec.Meta(description="Until the request went to the upstream.")] = 0
    first_byte_us: Annotated[int, msgspec.Meta(description="Until the upstream began to answer.")] = 0
    total_us: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Usd = "0"
    priced: bool = True
    price_id: Annotated[
        str, msgspec.Meta(description="The version of the price that was used; empty: none that is known.")
    ] = ""
    usage_source: Annotated[
        str, msgspec.Meta(description="`reported`, `estimated` or `recovered`.", examples=["reported"])
    ] = ""
    images: Annotated[int, msgspec.Meta(description="That were made.")] = 0
    audio_ms: Annotated[int, msgspec.Meta(description="Of recordings that were listened to.")] = 0
    characters: Annotated[int, msgspec.Meta(description="Of text that was spoken.")] = 0


class Encoding(StrEnum):
    """How a body is written down."""

    UTF_8 = "utf-8"
    BASE64 = "base64"


class BodyObject(msgspec.Struct):
    """A body."""

    content: Annotated[str, msgspec.Meta(examples=['{"model":"demo-chat"}'])]
    encoding: Annotated[Encoding, msgspec.Meta(description="`base64` where the body is no text.")]
    cut: Annotated[bool, msgspec.Meta(description="There was more: 64 KiB are kept.")]


class BodiesObject(msgspec.Struct):
    """What was asked and answered."""

    request_id: str
    request: Annotated[
        BodyObject, msgspec.Meta(description="As it went to the upstream; a key that stood in it is gone.")
    ]
    answer: Annotated[BodyObject, msgspec.Meta(description="As far as the client had got it.")]


def show_checks(found: list[checks.Check]) -> list[CheckObject]:
    """Return checks as the API shows them."""
    return [CheckObject(one.name, one.passed, one.detail) for one in found]


def show(record: Ended | Admitted, key_name: str) -> RequestObject:
    """Return a request as the API shows it."""
    match record:
        case Served():
            return _served(record, key_name)
        case Admitted():
            return _under_way(record, key_name)
        case Refused():
            return _refused(record, key_name)


def _served(record: Served, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=show_checks(checks.results("")),
        status=record.status,
        outcome=record.outcome,
        started_at=moment(record.started_us // 1000),
        operation=record.operation,
        location=record.location,
        address=record.address,
        key_id=record.key_id,
        key_name=key_name,
        model=record.model,
        upstream=record.upstream,
        upstream_model=record.upstream_model,
        attempts=[
            AttemptObject(one.target, one.outcome, one.took_ms) for one in attempts_of(record.attempts)
        ],
        streamed=record.streamed,
        auth_us=record.auth_us,
        sent_us=record.sent_us,
        first_byte_us=record.first_byte_us,
        total_us=record.total_us,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        reasoning_tokens=record.reasoning_tokens,
        images=record.images,
        audio_ms=record.audio_ms,
        characters=record.characters,
        cost_usd=format_usd(record.cost_nano_usd),
        priced=record.priced,
        price_id=record.price,
        usage_source=record.source,
    )


def _under_way(record: Admitted, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=record.request_id,
        source="journal",
        checks=show_checks(checks.results("")),
        status=0,
        outcome=UNDER_WAY,
        started_at=moment(record.started_us // 1000),
        operation=record.operation,
        address=record.address,
        key_id=record.key_id,
        key_name=key_name,
        model=record.model,
        upstream=record.upstream,
    )


def _refused(trace: Refused, key_name: str) -> RequestObject:
    return RequestObject(
        request_id=trace.request_id,
        source="journal",
        checks=show_checks(checks.results(trace.reason, trace.detail)),
        status=trace.status,
        reason=trace.reason,
        detail=trace.detail,
        outcome=trace.reason,
        started_at=moment(trace.at_us // 1000),
        operation=trace.operation,
        path=trace.path,
        location=trace.location,
        address=trace.address,
        key_id=trace.key_id,
        key_name=key_name,
        model=trace.model,
    )


def show_body(body: Body) -> BodyObject:
    """Return a body as text; a character that the cut went through is left out."""
    try:
        content = codecs.getincrementaldecoder("utf-8")().decode(body.data, not body.cut)
    except UnicodeDecodeError:
        return BodyObject(b64encode(body.data).decode(), Encoding.BASE64, body.cut)
    return BodyObject(content, Encoding.UTF_8, body.cut)
