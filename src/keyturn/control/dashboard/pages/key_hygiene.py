"""Keys to tidy up, worst first, and what to do about each."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from keyturn.control.dashboard.guard import for_, visitor_of
from keyturn.control.dashboard.lists import ways
from keyturn.control.dashboard.pages.keys import what_may
from keyturn.control.dashboard.shell import AnyRequest, Page, render
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.domain.hygiene import SETTLING_DAYS, SPAN_DAYS, WEIGHTS, Finding

HYGIENE = ("GET", "/api/v1/hygiene")
A_PAGE = 50
COUNTS = {
    Finding.IDLE: f"unused for {SPAN_DAYS} days or more",
    Finding.NEVER_USED: f"made {SETTLING_DAYS} days ago or earlier",
    Finding.OLD: f"the same for {SPAN_DAYS} days or more",
}
"""From when on a finding counts."""
TOLD = {
    Finding.SEEN_IN_URL: (
        "Sent in a URL",
        "bad",
        "Proxies and histories keep URLs: rotate it and end the old secret, then send it in a header.",
    ),
    Finding.IDLE: (
        "Idle",
        "warn",
        f"Nobody has used it for {SPAN_DAYS} days: disable it, and revoke it if nobody asks.",
    ),
    Finding.NEVER_USED: (
        "Never used",
        "warn",
        f"Nobody has used it in the {SETTLING_DAYS} days or more since it was made: revoke it.",
    ),
    Finding.OLD: (
        "Old secret",
        "warn",
        f"Its secret has been the same for {SPAN_DAYS} days: rotate it, or let it rotate by itself.",
    ),
    Finding.NO_EXPIRY: ("No expiry", "", "It works until somebody ends it: give it an expiry."),
}
"""What to call each finding, how bad it looks, and what to do."""


@get("/keys/hygiene", include_in_schema=False, opt=for_(HYGIENE))
async def hygiene(
    request: AnyRequest, management: Managed, cursor: Annotated[str, QueryParameter()] = ""
) -> Page:
    """Show the report."""
    visitor = visitor_of(request)
    await management.ingest.flush()
    report = granted(
        await management.hygiene.report(by=visitor.principal, cursor=cursor or None, limit=A_PAGE)
    )
    projects = await management.names.of(row.key.project_id for row in report.rows)
    return render(
        request,
        "keys/hygiene.html",
        title="Key hygiene",
        section="keys",
        rows=report.rows,
        tidiness=report.tidiness,
        score=tidy_share(report.tidiness.keys, report.tidiness.findings),
        told=TOLD,
        counts=COUNTS,
        projects=projects,
        can=what_may(visitor.person),
        **ways(request, cursor, report.next_cursor),
    )


HANDLERS = [hygiene]


def tidy_share(keys: int, findings: dict[Finding, int]) -> int:
    """Return how tidy the keys are, of 100: what all findings weigh, of what they could weigh at worst."""
    if not keys:
        return 100
    # A key is idle or was never used: the two never come together.
    worst = keys * (sum(WEIGHTS.values()) - WEIGHTS[Finding.NEVER_USED])
    weight = sum(WEIGHTS[one] * number for one, number in findings.items())
    return round(100 - 100 * weight / worst)
