"""The people of an account: who they are, what they may do, and how they come and go."""

from typing import Annotated, Any

from litestar import get, post
from litestar.params import FromPath, QueryParameter

from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.shell import AnyRequest, Page, render, safe_path, see
from keyturn.control.errors import granted
from keyturn.control.handover import people_url
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Person, Role, may
from keyturn.services.invitations import Invitation, Invited
from keyturn.services.roles import refused_to_touch
from keyturn.services.users import User, UserChange
from keyturn.store.projects import ProjectFilter, StoredProject
from keyturn.store.users import UserFilter

TEAM = "/dashboard/team"
ROWS = 50
ROLES = (
    (Role.OWNER, "Owner", "everything, the other owners included"),
    (Role.ADMIN, "Admin", "everything but owners"),
    (Role.MEMBER, "Member", "sees and manages personal keys of their own"),
    (Role.VIEWER, "Viewer", "sees everything but what was asked and answered, changes nothing"),
)
Search = Annotated[str, QueryParameter()]
Cursor = Annotated[str, QueryParameter()]
Account = Annotated[str, QueryParameter()]
_ONE = ("GET", "/api/v1/users/{user_id}")
_EDIT = ("PATCH", "/api/v1/users/{user_id}")
_DELETE = ("DELETE", "/api/v1/users/{user_id}")
_INVITE = ("POST", "/api/v1/invitations")
_UNINVITE = ("DELETE", "/api/v1/users/{user_id}/invite")
_RESET = ("POST", "/api/v1/users/{user_id}/reset-second-factor")
_JOIN = ("POST", "/api/v1/projects/{project_id}/members")
_LEAVE = ("DELETE", "/api/v1/projects/{project_id}/members/{user_id}")


def roles_for(person: Person, account_id: str) -> list[tuple[str, str]]:
    """Return the roles that somebody may give in an account, the narrowest first, with what pages say of each."""
    owners = person.role is Role.OWNER or (person.node_wide and account_id != person.account_id)
    return [
        (role.value, f"{name}: {means}")
        for role, name, means in reversed(ROLES)
        if owners or role is not Role.OWNER
    ]


@get("/team", include_in_schema=False, opt=for_(("GET", "/api/v1/users")))
async def people(
    request: AnyRequest,
    management: Managed,
    *,
    search: Search = "",
    cursor: Cursor = "",
    account: Account = "",
) -> Page:
    """Show who there is."""
    visitor = visitor_of(request)
    by, account_id = visitor.principal, account or visitor.person.account_id
    shown = granted(await management.accounts.show(account_id, by=by))
    wanted = UserFilter(account_id=shown.stored.id, search=search.strip())
    found, following = granted(
        await management.users.page(wanted, by=by, cursor=after(cursor, ids.USER), limit=ROWS)
    )
    return render(
        request,
        "team.html",
        title="Team",
        section="team",
        people=found,
        search=search,
        account=shown.stored,
        foreign=shown.stored.id != visitor.person.account_id,
        names=await management.names.of(one for person in found for one in person.projects),
        may_invite=may(visitor.person, *_INVITE),
        **ways(request, cursor, following),
        **tabs(request),
    )


@get("/team/invite", include_in_schema=False, opt=for_(_INVITE, proof="invite somebody"))
async def invite_page(request: AnyRequest, management: Managed, account: Account = "") -> Page:
    """Ask whom to invite."""
    return await _invite_page(request, management, account, {})


@post("/team/invite", include_in_schema=False, opt=for_(_INVITE, proof="invite somebody"), status_code=200)
async def invite(request: AnyRequest, management: Managed) -> Page:
    """Invite somebody; without a mail server the link is shown."""
    form, by = form_of(request), visitor_of(request).principal
    typed = {name: form.text(name) for name in ("email", "name", "role", "account", "project_id")}
    role = next((one for one in Role if one.value == typed["role"]), None)
    made: Invited | Refused
    if role is None:
        made = Refused(Reason.INVALID_MEMBER, "Choose one of the roles", "role")
    else:
        wanted = Invitation(typed["email"], role, typed["name"], typed["account"], typed["project_id"])
        made = await management.invitations.invite(
            wanted, base=people_url(request, management.settings), by=by
        )
    if isinstance(made, Refused):
        return await _invite_page(request, management, typed["account"], typed, made)
    return _invited(request, made)


@get("/team/{user_id:str}", include_in_schema=False, opt=for_(_ONE))
async def person(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Show one person."""
    return await _person_page(request, management, user_id)


@post(
    "/team/{user_id:str}",
    include_in_schema=False,
    opt=for_(_EDIT, proof="change somebody's address or name"),
    status_code=200,
)
async def edit(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Change address and name."""
    form = form_of(request)
    typed = {"email": form.text("email"), "name": form.text("name")}
    changed = await management.users.edit(
        user_id, UserChange(typed["email"], typed["name"]), by=visitor_of(request).principal
    )
    if isinstance(changed, Refused):
        return await _person_page(request, management, user_id, typed, changed)
    return see(request, f"{TEAM}/{user_id}", "Saved")


@post(
    "/team/{user_id:str}/role",
    include_in_schema=False,
    opt=for_(_EDIT, proof="change somebody's role"),
    status_code=200,
)
async def change_role(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Give somebody another role."""
    wanted = form_of(request).text("role")
    role = next((one for one in Role if one.value == wanted), None)
    changed: User | Refused = Refused(Reason.INVALID_MEMBER, "Choose one of the roles", "role")
    if role is not None:
        by = visitor_of(request).principal
        changed = await management.users.edit(user_id, UserChange(role=role), by=by)
    if isinstance(changed, Refused):
        return await _person_page(request, management, user_id, {}, changed)
    if changed.stored.id == visitor_of(request).person.id:
        return see(request, "/dashboard", "Your role was changed")
    return see(request, f"{TEAM}/{user_id}", f"{changed.stored.name} has the role {changed.role} now")


@post(
    "/team/{user_id:str}/suspend",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/users/{user_id}/suspend")),
)
async def suspend(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Have somebody's sessions ended and their personal keys refused."""
    done = granted(await management.users.suspend(user_id, by=visitor_of(request).principal))
    return see(
        request, f"{TEAM}/{user_id}", f"{done.stored.name} is suspended", undo=f"{TEAM}/{user_id}/resume"
    )


@post(
    "/team/{user_id:str}/resume",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/users/{user_id}/resume")),
)
async def resume(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Let somebody in again."""
    done = granted(await management.users.resume(user_id, by=visitor_of(request).principal))
    return see(request, f"{TEAM}/{user_id}", f"{done.stored.name} is active again")


@get(
    "/team/{user_id:str}/second-factor",
    include_in_schema=False,
    opt=for_(_RESET, proof="turn off somebody's second factor"),
)
async def reset_page(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Say what goes with somebody's second factor, and ask."""
    user = granted(await management.users.show(user_id, by=visitor_of(request).principal))
    return render(
        request, "team_second_factor.html", title="Turn a second factor off", section="team", user=user
    )


@post(
    "/team/{user_id:str}/second-factor",
    include_in_schema=False,
    opt=for_(_RESET, proof="turn off somebody's second factor"),
)
async def reset_second_factor(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Let somebody in with the password alone who has lost what was asked for beside it."""
    visitor = visitor_of(request)
    done = granted(await management.people.lost_factors.reset(user_id, by=visitor.principal))
    if done.stored.id == visitor.person.id:  # this session has ended too
        return see(request, "/dashboard", "Your second factor is off")
    return see(request, f"{TEAM}/{user_id}", f"{done.stored.name} signs in with the password alone now")


@get("/team/{user_id:str}/delete", include_in_schema=False, opt=for_(_DELETE, proof="remove somebody"))
async def delete_page(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Say what goes with somebody, and ask."""
    user = granted(await management.users.show(user_id, by=visitor_of(request).principal))
    return render(request, "team_delete.html", title="Remove from the account", section="team", user=user)


@post("/team/{user_id:str}/delete", include_in_schema=False, opt=for_(_DELETE, proof="remove somebody"))
async def delete(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Take somebody out of the account, and revoke their personal keys."""
    gone = granted(await management.users.delete(user_id, by=visitor_of(request).principal))
    return see(request, team_of(request, gone), f"{gone.stored.name} is removed")


@post(
    "/team/{user_id:str}/invite",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/users/{user_id}/invite"), proof="make a new link for somebody"),
    status_code=200,
)
async def invite_again(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Make a new link for somebody who has not come in yet."""
    base, by = people_url(request, management.settings), visitor_of(request).principal
    return _invited(request, granted(await management.invitations.again(user_id, base=base, by=by)))


@get("/team/{user_id:str}/invite", include_in_schema=False, opt=for_(_ONE))
async def invited_before(request: AnyRequest, user_id: FromPath[str]) -> Page:
    """Lead on somebody who loads the page with a link again: it is shown once."""
    return see(request, f"{TEAM}/{user_id}")


@post(
    "/team/{user_id:str}/uninvite",
    include_in_schema=False,
    opt=for_(_UNINVITE, proof="take back an invitation"),
)
async def take_back(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """End an invitation."""
    gone = granted(await management.invitations.take_back(user_id, by=visitor_of(request).principal))
    return see(request, team_of(request, gone), f"The invitation of {gone.stored.email} is taken back")


@post("/team/{user_id:str}/join", include_in_schema=False, opt=for_(_JOIN))
async def join(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """Make somebody a member of a project."""
    project = form_of(request).text("project")
    granted(await management.users.join(project, user_id, by=visitor_of(request).principal))
    return see(request, f"{TEAM}/{user_id}", "Added to the project")


@post("/team/{user_id:str}/leave", include_in_schema=False, opt=for_(_LEAVE, proof="end a membership"))
async def leave(request: AnyRequest, management: Managed, user_id: FromPath[str]) -> Page:
    """End a membership, and revoke the personal keys in the project."""
    project = form_of(request).text("project")
    granted(await management.users.leave(project, user_id, by=visitor_of(request).principal))
    back = form_of(request).text("back")
    return see(request, safe_path(back) if back else f"{TEAM}/{user_id}", "Taken out of the project")


HANDLERS = [
    people,
    invite_page,
    invite,
    person,
    edit,
    change_role,
    suspend,
    resume,
    reset_page,
    reset_second_factor,
    delete_page,
    delete,
    invite_again,
    invited_before,
    take_back,
    join,
    leave,
]


def tabs(request: AnyRequest) -> dict[str, Any]:
    """Return which of the pages about the team somebody may open."""
    who = visitor_of(request).person
    return {
        "sees_people": may(who, "GET", "/api/v1/users"),
        "sees_accounts": may(who, "POST", "/api/v1/accounts"),
    }


def team_of(request: AnyRequest, user: User) -> str:
    """Return the page with the people of a user's account."""
    own = user.stored.account_id == visitor_of(request).person.account_id
    return TEAM if own else f"{TEAM}?account={user.stored.account_id}"


async def _projects_of(management: Management, account_id: str, by: Principal) -> list[StoredProject]:
    """Return an account's projects; of many, the newest hundred."""
    found, _ = granted(
        await management.projects.page(ProjectFilter(account_id=account_id), by=by, cursor=None, limit=100)
    )
    return [one.stored for one in found]


async def _invite_page(
    request: AnyRequest,
    management: Management,
    account: str,
    typed: dict[str, str],
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    shown = granted(
        await management.accounts.show(account or visitor.person.account_id, by=visitor.principal)
    ).stored
    projects = [(one.id, one.name) for one in await _projects_of(management, shown.id, visitor.principal)]
    only = projects[0][0] if len(projects) == 1 else ""
    return render(
        request,
        "team_invite.html",
        title="Invite a person",
        section="team",
        refused=refused,
        typed={"email": "", "name": "", "role": Role.MEMBER.value, "project_id": only, **typed},
        projects=projects,
        account=shown,
        foreign=shown.id != visitor.person.account_id,
        roles=roles_for(visitor.person, shown.id),
    )


async def _person_page(
    request: AnyRequest,
    management: Management,
    user_id: str,
    typed: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    user = granted(await management.users.show(user_id, by=visitor.principal))
    projects = await _projects_of(management, user.stored.account_id, visitor.principal)
    who, role = visitor.person, Role(user.role) if user.role else None
    return render(
        request,
        "team_person.html",
        title=user.stored.name,
        section="team",
        refused=refused,
        user=user,
        factors=factors(user),
        typed={"email": user.stored.email, "name": user.stored.name, **(typed or {})},
        back=team_of(request, user),
        names=await management.names.of(user.projects),
        others=[(one.id, one.name) for one in projects if one.id not in user.projects],
        roles=roles_for(who, user.stored.account_id),
        changes=may(who, *_EDIT)
        and refused_to_touch(visitor.principal, user.stored.account_id, role) is None,
        joins=may(who, *_JOIN),
        sees_keys=may(who, "GET", "/api/v1/keys"),
        itself=user.stored.id == who.id,
    )


def factors(user: User) -> str:
    """Return what somebody shows beside a password, or in its place."""
    standing = user.standing
    if standing is None:
        return "none"
    app = ["codes of an app"] if standing.two_factor else []
    held = standing.passkeys
    keys = [f"{held} passkey{'s' if held > 1 else ''}"] if held else []
    return ", ".join([*app, *keys]) or "none"


def _invited(request: AnyRequest, made: Invited) -> Page:
    return render(
        request,
        "team_invited.html",
        title="Invitation",
        section="team",
        invited=made,
        back=team_of(request, made.user),
    )
