"""The playground: asks models as any client does, from the browser, with a key that lives for an hour.

The key is a publishable one, bound to the origin of the dashboard: it is meant to be used from a page, so that its use is
no sign of a leak, and it is of no use to another site's page.
"""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromQuery, QueryParameter

from keyturn import system
from keyturn.control.dashboard.guard import SIGNED_IN, Form, for_, form_of, visitor_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.control.visitors import own_origin
from keyturn.domain.journal import Served
from keyturn.domain.key_text import Kind
from keyturn.domain.money import format_usd
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Person, may
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Issued
from keyturn.services.sessions import Visitor
from keyturn.store.projects import ProjectFilter

NAME, TAG = "Playground", "playground"
LIFE_MS = 3_600_000
MOST_PROJECTS = 100
NEW_KEY = ("POST", "/api/v1/keys")
Id = Annotated[str, QueryParameter(name="id")]
REQUEST = ("GET", "/api/v1/requests/{request_id}")


@get("/playground", include_in_schema=False, opt=for_(SIGNED_IN))
async def playground_page(request: AnyRequest, management: Managed, model: FromQuery[str] = "") -> Page:
    """Show it."""
    return await _page(request, management, model=model)


@post("/playground", include_in_schema=False, opt=for_(NEW_KEY), status_code=200)
async def start(request: AnyRequest, management: Managed) -> Page:
    """Issue a key for an hour and hand it to the page, this once."""
    visitor = visitor_of(request)
    projects = await _projects(management, visitor)
    wanted = key_for(visitor.person, form_of(request), projects, own_origin(request.headers))
    if isinstance(wanted, Refused):
        return await _page(request, management, refused=wanted)
    issued = await management.keys.create(wanted, by=visitor.principal)
    if isinstance(issued, Refused):
        return await _page(request, management, refused=issued)
    return await _page(request, management, issued=issued)


@get("/playground/cost", include_in_schema=False, opt=for_(REQUEST))
async def cost(request: AnyRequest, management: Managed, request_id: Id = "") -> Response[dict[str, object]]:
    """Say what a request has cost, null while nobody knows: of a streamed answer no header can."""
    await management.ingest.flush()
    found = await management.reports.request(request_id)
    said: dict[str, object] = {"cost_usd": None, "priced": False}
    reach = visitor_of(request).principal
    if isinstance(found, Served) and await management.reports.reaches(reach, found.key_id):
        said = {"cost_usd": format_usd(found.cost_nano_usd), "priced": found.priced}
    return Response(said, headers={"cache-control": "no-store"})


HANDLERS = [playground_page, start, cost]


def key_for(
    person: Person, form: Form, projects: list[tuple[str, str, bool]], origin: str
) -> NewKey | Refused:
    """Return the key to issue: a personal one where they are a member, for administrators else a service key.

    Args:
        person: Who asks.
        form: Names the project.
        projects: Those they may use: identifier, name, and whether they are a member.
        origin: Of the dashboard, as they see it.
    """
    project = next((one for one in projects if one[0] == form.text("project")), None)
    if project is None:
        return Refused(Reason.INVALID_MEMBER, "There is no such project", "project")
    return NewKey(
        name=NAME,
        kind=Kind.PUBLISHABLE,
        description="For an hour in the dashboard",
        permissions=frozenset({Permission.READ}),
        origins=(origin,),
        expires_at_ms=system.now_ms() + LIFE_MS,
        tags=(TAG,),
        project=project[0],
        user=person.id if project[2] else "",
    )


async def _projects(management: Management, visitor: Visitor) -> list[tuple[str, str, bool]]:
    """Return the projects somebody may use, by name: of members those that they are in, else all of their account."""
    person = visitor.person
    if not may(person, *NEW_KEY):
        return []
    shown = await management.users.show(person.id, by=visitor.principal)
    own = set() if isinstance(shown, Refused) else set(shown.projects)
    wanted = ProjectFilter(account_id=person.account_id)
    found, _ = granted(
        await management.projects.page(wanted, by=visitor.principal, cursor=None, limit=MOST_PROJECTS)
    )
    return sorted(
        (
            (one.stored.id, one.stored.name, one.stored.id in own)
            for one in found
            if one.stored.id in own or person.role.administers
        ),
        key=lambda one: one[1].lower(),
    )


async def _page(
    request: AnyRequest,
    management: Management,
    *,
    model: str = "",
    issued: Issued | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    return render(
        request,
        "playground.html",
        title="Playground",
        section="playground",
        refused=refused,
        projects=await _projects(management, visitor),
        makes_keys=may(visitor.person, *NEW_KEY),
        sees_costs=may(visitor.person, *REQUEST),
        project=form_of(request).text("project"),
        model=model or form_of(request).text("model"),
        secret=issued.secret.reveal() if issued else "",
        life_ms=LIFE_MS if issued else 0,
    )
