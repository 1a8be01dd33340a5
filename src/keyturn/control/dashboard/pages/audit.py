"""The audit log: who changed what, and the proof that nobody has touched what is written of it."""

from typing import Annotated
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Stream

from keyturn import system
from keyturn.control.dashboard.audit_lines import lines_of
from keyturn.control.dashboard.guard import for_
from keyturn.control.dashboard.lists import after_number, ways
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import refuse
from keyturn.control.exports import Format
from keyturn.control.management import Managed
from keyturn.control.resources.audit import export
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.checkpoints import CheckpointError
from keyturn.store.audit import AuditFilter

PATH = "/dashboard/audit"
SHOWN = 40


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
    return render(
        request,
        "audit.html",
        title="Audit",
        section="audit",
        lines=await lines_of(found, management.names),
        wanted=wanted,
        exports=urlencode({"actor": wanted.actor, "action": wanted.action, "target": wanted.target}),
        filtered=wanted != AuditFilter(),
        newest=management.audit.newest(),
        **ways(request, cursor, following),
    )


@get("/audit/export", include_in_schema=False, opt=for_(("GET", "/api/v1/audit/export")))
async def export_audit(
    request: AnyRequest,
    management: Managed,
    *,
    actor: Annotated[str, QueryParameter()] = "",
    action: Annotated[str, QueryParameter()] = "",
    target: Annotated[str, QueryParameter()] = "",
) -> Stream:
    """Write all that the filters leave to a file."""
    form = request.query_params.get("format", Format.CSV.value)
    if form not in set(Format):
        refuse(Reason.INVALID_MEMBER, "Write csv or jsonl", "format")
    return export(management, AuditFilter(actor.strip(), action.strip(), target.strip()), Format(form))


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


HANDLERS = [audit_page, export_audit, verify_page, make_checkpoint]
