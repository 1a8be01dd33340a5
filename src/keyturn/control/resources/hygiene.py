"""``/api/v1/hygiene``: keys to tidy up."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, get

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.wire import Cursor, Limit, Moment, moment, optional_moment, refusals
from keyturn.domain.hygiene import SETTLING_DAYS, SPAN_DAYS, Finding
from keyturn.domain.refusals import Reason
from keyturn.services.hygiene import Untidy

FINDINGS = (
    f"`seen_in_url`, `idle` (unused for {SPAN_DAYS} days), `never_used` (in {SETTLING_DAYS} days or more), "
    f"`old` (the same secret for {SPAN_DAYS} days), `no_expiry`; worst first."
)


class UntidyKeyObject(msgspec.Struct):
    """A key that works, and what is untidy about it."""

    id: Annotated[str, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    name: Annotated[str, msgspec.Meta(examples=["billing service"])]
    display: Annotated[str, msgspec.Meta(examples=["sk-AbCd…"])]
    project_id: Annotated[str, msgspec.Meta(examples=["proj_VbXhUyU7kT3m9QwErTyU"])]
    user_id: str | None
    findings: Annotated[
        list[Finding], msgspec.Meta(description=FINDINGS, examples=[["seen_in_url", "no_expiry"]])
    ]
    created_at: Moment
    last_used_at: Moment | None
    expires_at: Moment | None


class TidinessObject(msgspec.Struct):
    """Figures for all keys within reach that work."""

    keys: Annotated[int, msgspec.Meta(description="Active keys.", examples=[120])]
    without_limit: Annotated[
        int,
        msgspec.Meta(
            description="Of these, keys without any limit, be it their project's, account's or plan's.",
            examples=[12],
        ),
    ]
    findings: Annotated[
        dict[Finding, int],
        msgspec.Meta(description="How many keys have each.", examples=[{"seen_in_url": 1, "no_expiry": 80}]),
    ]


class HygieneReport(msgspec.Struct, kw_only=True):
    """One page of the report."""

    success: Literal[True] = True
    data: list[UntidyKeyObject]
    summary: TidinessObject
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="Ask with `cursor=` for the next page; null on the last.")
    ] = None


@get("/", summary="Report untidy keys", responses=refusals(Reason.INVALID_MEMBER))
async def report_hygiene(
    request: Request[Any, Any, Any], management: Managed, *, limit: Limit = 100, cursor: Cursor = None
) -> HygieneReport:
    """Active keys with something to tidy up, worst first, with use up to now."""
    await management.ingest.flush()
    found = granted(await management.hygiene.report(by=principal_of(request), cursor=cursor, limit=limit))
    tidiness = found.tidiness
    return HygieneReport(
        data=[_show(row) for row in found.rows],
        summary=TidinessObject(tidiness.keys, tidiness.without_limit, tidiness.findings),
        next_cursor=found.next_cursor,
    )


router = Router("/hygiene", tags=["Keys"], route_handlers=[report_hygiene])


def _show(row: Untidy) -> UntidyKeyObject:
    key = row.key
    return UntidyKeyObject(
        id=key.id,
        name=key.name,
        display=row.display,
        project_id=key.project_id,
        user_id=key.user_id,
        findings=list(key.findings),
        created_at=moment(key.created_at),
        last_used_at=optional_moment(key.last_used_at),
        expires_at=optional_moment(key.expires_at),
    )
