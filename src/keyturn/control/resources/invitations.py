"""``/api/v1/invitations``: have people come in by a link that works once."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import UNKEPT, people_url
from keyturn.control.idempotency import REPEATABLE
from keyturn.control.management import Managed
from keyturn.control.resources.users import Email, NewRole, UserId, UserObject, user_object
from keyturn.control.wire import Answer, Moment, moment, refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.roles import Role
from keyturn.services.invitations import Invitation, Invited


class InvitePerson(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody to invite."""

    email: Email
    role: NewRole = Role.MEMBER
    name: Annotated[str, msgspec.Meta(description="The address, until they say.")] = ""
    account_id: Annotated[
        str, msgspec.Meta(description="Id or name of the account; your own unless said.")
    ] = ""
    project_id: Annotated[
        str,
        msgspec.Meta(
            description="Id or name of a project of the account: they become a member, and can hold personal keys there."
        ),
    ] = ""


class InvitationObject(msgspec.Struct):
    """An invitation."""

    user: UserObject
    sent: Annotated[bool, msgspec.Meta(description="A mail server has taken the letter.")]
    link: Annotated[
        str | None,
        msgspec.Meta(description="To be handed over, this once; null: it was sent by e-mail."),
    ]
    expires_at: Moment


class SetupObject(msgspec.Struct):
    """The link that makes the node's first owner."""

    link: Annotated[str, msgspec.Meta(description="Works once, for a day; the one before works no more.")]


_INVITING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.CONFIRMATION_REQUIRED,
)


@post("/", summary="Invite a person", status_code=201, responses=_INVITING)
async def invite_person(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        InvitePerson,
        Body(
            examples=[
                Example(summary="A member", id="member", value={"email": "kim@example.com", "role": "member"})
            ]
        ),
    ],
) -> Response[Answer[InvitationObject]]:
    """Adds them as a user, with a link by which they choose a password; who is a user without one stays the same user."""
    wanted = Invitation(data.email, data.role, data.name, data.account_id, data.project_id)
    base = people_url(request, management.settings)
    invited = await management.invitations.invite(wanted, base=base, by=principal_of(request))
    return _answer(granted(invited), 201)


@post("/{user_id:str}/invite", summary="Invite a person again", status_code=200, responses=_INVITING)
async def invite_again(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Response[Answer[InvitationObject]]:
    """A new link for somebody who has not come in yet; the one before works no more. A user without a role becomes a member."""
    base = people_url(request, management.settings)
    invited = await management.invitations.again(user_id, base=base, by=principal_of(request))
    return _answer(granted(invited), 200)


@delete(
    "/{user_id:str}/invite",
    summary="Take an invitation back",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def take_invitation_back(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Answer[UserObject]:
    """The link works no more. Who holds no personal keys is deleted; who holds some stays, and does not sign in."""
    return Answer(
        data=user_object(granted(await management.invitations.take_back(user_id, by=principal_of(request))))
    )


@post(
    "/",
    summary="Make a setup link",
    status_code=200,
    opt=REPEATABLE,
    responses=refusals(Reason.CONFLICT),
)
async def make_setup_link(
    request: Request[Any, Any, Any], management: Managed
) -> Response[Answer[SetupObject]]:
    """For the operator only, while the node has no owner: whoever opens the link first becomes the owner."""
    token = await management.sign_in.setup_link()
    if token is None:
        refuse(Reason.CONFLICT, "The node has an owner already; invite others with: keyturn users invite")
    link = f"{people_url(request, management.settings)}/dashboard/setup#{token.reveal()}"
    return Response(Answer(data=SetupObject(link)), headers=UNKEPT)


router = Router(
    "",
    tags=["Users"],
    route_handlers=[
        Router("/invitations", route_handlers=[invite_person]),
        Router("/users", route_handlers=[invite_again, take_invitation_back]),
        Router("/setup-link", route_handlers=[make_setup_link]),
    ],
)


def _answer(invited: Invited, status: int) -> Response[Answer[InvitationObject]]:
    shown = InvitationObject(
        user=user_object(invited.user),
        sent=invited.sent,
        link=None if invited.sent else invited.link.reveal(),
        expires_at=moment(invited.expires_at),
    )
    return Response(Answer(data=shown), status_code=status, headers=UNKEPT)
