"""The audit log: who changed what, and the proof that nobody has touched what is written of it."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import QueryParameter

from keyturn import system
from keyturn.control.dashboard.entities import Entity, entity
from keyturn.control.dashboard.guard import for_
from keyturn.control.dashboard.lists import after_number, ways
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.management import Managed
from keyturn.domain.audit import Entry
from keyturn.domain.refusals import Refused
from keyturn.services.checkpoints import CheckpointError
from keyturn.store.audit import AuditFilter

PATH = "/dashboard/audit"
SHOWN = 50
_LONGEST = 2_000
_NOTHING = frozenset({"none", "empty", "{}"})
"""Of something new these are not worth a line."""


class Difference(msgspec.Struct, frozen=True):
    """A member that is not what it was."""

    name: str
    before: str
    """Empty: there was none."""
    after: str


class Line(msgspec.Struct, frozen=True):
    """An entry as a row."""

    entry: Entry
    actor: Entity
    target: Entity
    differences: list[Difference]


@get("/audit", include_in_schema=False, opt=for_(("GET", "/api/v1/audit")))
async def audit_page(
    request: AnyRequest,
    management: Managed,
    *,
    actor: Annotated[str, QueryParameter()] = "",
    action: Annotated[str, QueryParameter()] = "",
    target: Annotated[str, QueryParameter()] = "",
    cursor: Annotated[str, QueryParameter()] = "",
) -> Page:
    """Show entries, newest first."""
    wanted = AuditFilter(actor.strip(), action.strip(), target.strip())
    found, following = await management.audit.page(wanted, cursor=after_number(cursor), limit=SHOWN)
    names = await management.names.of({one for entry in found for one in (entry.actor, entry.target)})
    lines = [
        Line(
            entry,
            entity(entry.actor, names),
            entity(entry.target, names),
            differences(entry.before, entry.after),
        )
        for entry in found
    ]
    return render(
        request,
        "audit.html",
        title="Audit",
        section="audit",
        lines=lines,
        wanted=wanted,
        filtered=wanted != AuditFilter(),
        newest=management.audit.newest(),
        **ways(request, cursor, following),
    )


@get("/audit/verify", include_in_schema=False, opt=for_(("GET", "/api/v1/audit/verify")))
async def verify_page(request: AnyRequest, management: Managed) -> Page:
    """Walk along the whole chain, and say how far it is good."""
    verdict = await management.audit.verify()
    return render(
        request,
        "audit_verify.html",
        title="Verify the audit log",
        section="audit",
        verdict=verdict,
        newest=management.audit.newest(),
        public_key=management.audit.public_key,
    )


@post(
    "/audit/checkpoint",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/audit/checkpoint")),
    status_code=200,
)
async def make_checkpoint(request: AnyRequest, management: Managed) -> Page:
    """Sign how far the log goes now."""
    try:
        made = await management.audit.checkpoint(system.now_ms())
    except (CheckpointError, OSError) as error:
        return see(request, f"{PATH}/verify", f"No checkpoint could be made: {error}", failed=True)
    if isinstance(made, Refused):
        return see(request, f"{PATH}/verify", made.text, failed=True)
    return see(request, f"{PATH}/verify", f"Checkpoint at entry {made.seq:,}")


HANDLERS = [audit_page, verify_page, make_checkpoint]


def differences(before: str, after: str) -> list[Difference]:
    """Return what an entry says has changed, member by member.

    Args:
        before: JSON as it was written; somebody may have meddled with it.
        after: The same.
    """
    was, now = _members(before), _members(after)
    if not was:
        return [Difference(name, "", text) for name, text in now.items() if text not in _NOTHING]
    return [
        Difference(name, was.get(name, ""), now.get(name, ""))
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]


def _members(text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"": text[:_LONGEST]}
    if found is None:
        return {}
    if not isinstance(found, dict):
        return {"": _written(found)}
    return {name: _written(value) for name, value in found.items()}


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value[:_LONGEST] or "empty"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return (", ".join(value) or "none")[:_LONGEST]
    return msgspec.json.encode(value).decode()[:_LONGEST]
