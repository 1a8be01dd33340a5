"""``/api/v1/audit``: who changed what, and whether anybody has meddled with what is written of it."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get, post
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response import Stream

from keyturn import system
from keyturn.control import exports
from keyturn.control.errors import granted, refuse
from keyturn.control.exports import Format, Row
from keyturn.control.management import Managed, Management
from keyturn.control.wire import Answer, Cursor, Limit, Moment, Page, milliseconds, moment, refusals
from keyturn.domain.audit import Damage, Entry
from keyturn.domain.keys import rfc3339
from keyturn.domain.refusals import Reason
from keyturn.services.checkpoints import Checkpoint
from keyturn.store.audit import AuditFilter

_HASH = re.compile(r"[0-9a-f]{64}")
Hash = Annotated[str, msgspec.Meta(description="SHA-256 in hexadecimal.", examples=["9f2c" * 16])]


class EntryObject(msgspec.Struct):
    """One change, or one refused call."""

    seq: Annotated[int, msgspec.Meta(description="From 1, without a gap.", examples=[17])]
    at: Moment
    at_ms: Annotated[int, msgspec.Meta(description="As it is hashed: milliseconds since 1970 UTC.")]
    actor: Annotated[
        str,
        msgspec.Meta(
            description="`operator`, `scheduler` or a key's id; empty: nobody known.", examples=["operator"]
        ),
    ]
    address: str
    request_id: str
    action: Annotated[str, msgspec.Meta(examples=["key.disable"])]
    target: Annotated[str, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    before: Annotated[Any, msgspec.Meta(description="What it was, of what changed; null for something new.")]
    after: Annotated[Any, msgspec.Meta(description="What it is now; null for something that is gone.")]
    previous: Hash
    hash: Hash


class ProblemObject(msgspec.Struct):
    """The first thing that is wrong."""

    seq: int
    damage: Damage
    text: str


class VerdictObject(msgspec.Struct):
    """What came of following the chain from its first entry."""

    intact: bool
    count: Annotated[int, msgspec.Meta(description="How many entries were good, from the first on.")]
    hash: Hash
    problem: ProblemObject | None


class CheckpointState(msgspec.Struct):
    """The key that signs checkpoints, and the newest one."""

    public_key: Annotated[str, msgspec.Meta(description="Ed25519, 32 bytes in hexadecimal.")]
    newest: Checkpoint | None


COLUMNS = EntryObject.__struct_fields__
"""What an export has of each entry."""


@get("/", summary="List audit entries", responses=refusals(Reason.INVALID_MEMBER))
async def list_entries(
    management: Managed,
    *,
    actor: Annotated[str, QueryParameter(description="Only what this one did.")] = "",
    action: Annotated[str, QueryParameter(description="Only this: `key.disable`, …")] = "",
    target: Annotated[str, QueryParameter(description="Only what was done to this.")] = "",
    since: Annotated[
        datetime | None,
        QueryParameter(
            description="Only from then on; RFC 3339.", examples=[Example(value="2026-11-20T00:00:00Z")]
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EntryObject]:
    """Newest first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    since_ms = None if since is None else milliseconds(since, "since")
    found, following = await management.audit.page(
        AuditFilter(actor, action, target, since_ms),
        cursor=None if cursor is None else int(cursor),
        limit=limit,
    )
    return Page(
        data=[_show(entry) for entry in found], next_cursor=None if following is None else str(following)
    )


@get(
    "/export",
    summary="Export audit entries",
    responses=refusals(Reason.INVALID_MEMBER),
    media_type="text/csv",
)
async def export_entries(
    management: Managed,
    *,
    actor: Annotated[str, QueryParameter(description="Only what this one did.")] = "",
    action: Annotated[str, QueryParameter(description="Only this: `key.disable`, …")] = "",
    target: Annotated[str, QueryParameter(description="Only what was done to this.")] = "",
    since: Annotated[
        datetime | None, QueryParameter(description="Only from then on; RFC 3339 with an offset.")
    ] = None,
    until: Annotated[
        datetime | None, QueryParameter(description="Only before then; RFC 3339 with an offset.")
    ] = None,
    form: Annotated[Format, QueryParameter(name="format", description="How to write them.")] = Format.CSV,
) -> Stream:
    """Every entry that is wanted, newest first, written while they are read: a million take no more room than one.

    `before` and `after` are JSON in a text, as they are hashed. In CSV, text that a spreadsheet would take for a formula has
    an apostrophe before it.
    """
    since_ms = None if since is None else milliseconds(since, "since")
    until_ms = None if until is None else milliseconds(until, "until")
    return export(management, AuditFilter(actor, action, target, since_ms, until_ms), form)


@get("/verify", summary="Verify the audit log", responses=refusals(Reason.INVALID_MEMBER))
async def verify_log(
    management: Managed,
    *,
    seq: Annotated[int | None, QueryParameter(ge=1, description="Of an entry that a checkpoint saw.")] = None,
    hash_seen: Annotated[str, QueryParameter(name="hash", description="The hash that it had.")] = "",
) -> Answer[VerdictObject]:
    """Follows the whole chain. Without a checkpoint from elsewhere it can't show that the end was cut off."""
    noted = []
    if seq is not None:
        if not _HASH.fullmatch(hash_seen):
            refuse(Reason.INVALID_MEMBER, "The hash is 64 hexadecimal digits", "hash")
        noted.append(Checkpoint(seq, hash_seen, seq, 0))
    verdict = await management.audit.verify(noted)
    problem = verdict.problem
    shown = None if problem is None else ProblemObject(problem.seq, problem.damage, problem.text)
    return Answer(data=VerdictObject(problem is None, verdict.count, verdict.hash, shown))


@get("/checkpoint", summary="Show the newest checkpoint", responses=refusals())
async def show_checkpoint(management: Managed) -> Answer[CheckpointState]:
    """With the key that signs: keep it where the node's operator can't change it."""
    return Answer(data=CheckpointState(management.audit.public_key, management.audit.newest()))


@post("/checkpoint", summary="Make a checkpoint", status_code=200, responses=refusals(Reason.CONFLICT))
async def make_checkpoint(management: Managed) -> Answer[Checkpoint]:
    """Signs how far the log goes now. Kept elsewhere, it shows later whether anything before it was touched."""
    return Answer(data=granted(await management.audit.checkpoint(system.now_ms())))


router = Router(
    "/audit",
    tags=["Audit"],
    route_handlers=[list_entries, export_entries, verify_log, show_checkpoint, make_checkpoint],
)


def export(management: Management, wanted: AuditFilter, form: Format) -> Stream:
    """Answer with all entries that are wanted, newest first, written while they are read."""
    return exports.stream(management.audit.export(wanted), _row, COLUMNS, form=form, name="audit")


def _row(entry: Entry) -> Row:
    """Return an entry as a row: its hash can be worked out again from what stands there."""
    return {
        "seq": entry.seq,
        "at": rfc3339(entry.at / 1000),
        "at_ms": entry.at,
        "actor": entry.actor,
        "address": entry.address,
        "request_id": entry.request_id,
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
        "previous": entry.previous.hex(),
        "hash": entry.hash.hex(),
    }


def _show(entry: Entry) -> EntryObject:
    return EntryObject(
        seq=entry.seq,
        at=moment(entry.at),
        at_ms=entry.at,
        actor=entry.actor,
        address=entry.address,
        request_id=entry.request_id,
        action=entry.action,
        target=entry.target,
        before=_facts(entry.before),
        after=_facts(entry.after),
        previous=entry.previous.hex(),
        hash=entry.hash.hex(),
    )


def _facts(text: str) -> object:
    """Return what was written as JSON; somebody may have meddled with it, and it is shown all the same."""
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return found
