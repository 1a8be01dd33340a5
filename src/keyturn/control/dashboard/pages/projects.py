"""Projects: what keys belong to, and who is a member."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, QueryParameter

from keyturn.control.dashboard.figures import plural
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.pages.team import TEAM, tabs
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.policies import ProjectPolicy
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import may
from keyturn.services.projects import NewProject, Project, ProjectChange
from keyturn.store.projects import ProjectFilter
from keyturn.store.users import StoredMember, UserFilter

PROJECTS = f"{TEAM}/projects"
ROWS = 50
Search = Annotated[str, QueryParameter()]
Cursor = Annotated[str, QueryParameter()]
_CREATE = ("POST", "/api/v1/projects")
_EDIT = ("PATCH", "/api/v1/projects/{project_id}")
_DELETE = ("DELETE", "/api/v1/projects/{project_id}")
_MEMBERS = ("GET", "/api/v1/projects/{project_id}/members")
_JOIN = ("POST", "/api/v1/projects/{project_id}/members")
MOST_PEOPLE = 100
"""To choose from by name; of more, the address is asked for."""


def rules(policy: ProjectPolicy) -> list[tuple[str, str]]:
    """Return what a policy asks of keys, in words; what it leaves open is not said."""
    found = []
    if policy.locations is not None:
        found.append(("Keys may be presented in", ", ".join(policy.locations)))
    for name, days in (
        ("Keys expire within", policy.longest_life_days),
        ("Unused keys are disabled after", policy.unused_days),
        ("New keys are rotated every", policy.rotate_every_days),
    ):
        if days is not None:
            found.append((name, plural(days, "day")))
    if not policy.recoverable:
        found.append(("Secrets can be shown again", "no"))
    if policy.store_bodies:
        found.append(("What is asked and answered is kept", "yes"))
    return found


@get("/team/projects", include_in_schema=False, opt=for_(("GET", "/api/v1/projects")))
async def projects(
    request: AnyRequest, management: Managed, *, search: Search = "", cursor: Cursor = ""
) -> Page:
    """Show those within reach."""
    return await _list_page(request, management, search.strip(), cursor)


@post("/team/projects", include_in_schema=False, opt=for_(_CREATE), status_code=200)
async def create(request: AnyRequest, management: Managed) -> Page:
    """Add one to the account."""
    visitor, form = visitor_of(request), form_of(request)
    typed = {"name": form.text("name"), "description": form.text("description")}
    wanted = NewProject(typed["name"], visitor.person.account_id, typed["description"])
    made = await management.projects.create(wanted, by=visitor.principal)
    if isinstance(made, Refused):
        return await _list_page(request, management, "", "", typed=typed, refused=made)
    return see(request, f"{PROJECTS}/{made.stored.id}", f"The project {made.stored.name} is there")


@get(
    "/team/projects/{project_id:str}",
    include_in_schema=False,
    opt=for_(("GET", "/api/v1/projects/{project_id}")),
)
async def project(request: AnyRequest, management: Managed, project_id: FromPath[str]) -> Page:
    """Show one."""
    return await _page(request, management, project_id)


@post("/team/projects/{project_id:str}", include_in_schema=False, opt=for_(_EDIT), status_code=200)
async def edit(request: AnyRequest, management: Managed, project_id: FromPath[str]) -> Page:
    """Rename it."""
    form = form_of(request)
    typed = {"name": form.text("name"), "description": form.text("description")}
    change = ProjectChange(typed["name"], typed["description"])
    changed = await management.projects.edit(project_id, change, by=visitor_of(request).principal)
    if isinstance(changed, Refused):
        return await _page(request, management, project_id, typed, changed)
    return see(request, f"{PROJECTS}/{project_id}", "Saved")


@post("/team/projects/{project_id:str}/join", include_in_schema=False, opt=for_(_JOIN), status_code=200)
async def add_member(request: AnyRequest, management: Managed, project_id: FromPath[str]) -> Page:
    """Make somebody of the account a member."""
    whom = form_of(request).text("user_id")
    added = await management.users.join(project_id, whom, by=visitor_of(request).principal)
    if isinstance(added, Refused) and added.param == "user_id":
        return await _page(request, management, project_id, {"user_id": whom}, added)
    name = granted(added).user.name
    return see(request, f"{PROJECTS}/{project_id}", f"{name} is a member now")


@get(
    "/team/projects/{project_id:str}/delete",
    include_in_schema=False,
    opt=for_(_DELETE, proof="delete a project"),
)
async def delete_page(request: AnyRequest, management: Managed, project_id: FromPath[str]) -> Page:
    """Say what goes with it, and ask."""
    found = granted(await management.projects.show(project_id, by=visitor_of(request).principal))
    return render(request, "project_delete.html", title="Delete a project", section="team", project=found)


@post(
    "/team/projects/{project_id:str}/delete",
    include_in_schema=False,
    opt=for_(_DELETE, proof="delete a project"),
)
async def delete(request: AnyRequest, management: Managed, project_id: FromPath[str]) -> Page:
    """Take it away; one that has live keys stays."""
    gone = await management.projects.delete(project_id, by=visitor_of(request).principal)
    if isinstance(gone, Refused) and gone.reason is Reason.CONFLICT:
        return see(request, f"{PROJECTS}/{project_id}", gone.text, failed=True)
    return see(request, PROJECTS, f"The project {granted(gone).stored.name} is deleted")


HANDLERS = [projects, create, project, edit, add_member, delete_page, delete]


async def _list_page(
    request: AnyRequest,
    management: Management,
    search: str,
    cursor: str,
    *,
    typed: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    wanted = ProjectFilter(account_id=visitor.person.account_id, search=search)
    found, following = granted(
        await management.projects.page(
            wanted, by=visitor.principal, cursor=after(cursor, ids.PROJECT), limit=ROWS
        )
    )
    return render(
        request,
        "projects.html",
        title="Projects",
        section="team",
        refused=refused,
        projects=found,
        search=search,
        typed=typed or {"name": "", "description": ""},
        creates=may(visitor.person, *_CREATE),
        **ways(request, cursor, following),
        **tabs(request),
    )


async def _page(
    request: AnyRequest,
    management: Management,
    project_id: str,
    typed: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    found = granted(await management.projects.show(project_id, by=visitor.principal))
    stored, members = found.stored, []
    if may(visitor.person, *_MEMBERS):
        page = await management.users.members(stored.id, by=visitor.principal, cursor=None, limit=100)
        members = granted(page)[0]
    joins = may(visitor.person, *_JOIN)
    return render(
        request,
        "project.html",
        title=stored.name,
        section="team",
        refused=refused,
        project=found,
        rules=rules(found.policy),
        members=members,
        typed={"name": stored.name, "description": stored.description, "user_id": "", **(typed or {})},
        joins=joins,
        others=await _others(management, found, members, visitor.principal) if joins else [],
        changes=may(visitor.person, *_EDIT),
        **tabs(request),
    )


async def _others(
    management: Management, project: Project, members: list[StoredMember], by: Principal
) -> list[tuple[str, str]] | None:
    """Return who could become a member, by identifier, with name and address; ``None``: too many to choose from."""
    wanted = UserFilter(account_id=project.stored.account_id)
    found, more = granted(await management.users.page(wanted, by=by, cursor=None, limit=MOST_PEOPLE))
    if more:
        return None
    inside = {one.user.id for one in members}
    return [
        (one.id, one.email if one.name == one.email else f"{one.name} ({one.email})")
        for one in (each.stored for each in found)
        if one.id not in inside
    ]
