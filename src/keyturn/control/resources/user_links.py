"""Links that the operator hands to people where no e-mail reaches them: a new password, the proof of an address."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.handover import people_url
from keyturn.control.management import Managed, Management
from keyturn.control.resources.users import Email, UserId
from keyturn.control.wire import Answer, Moment, moment, refusals
from keyturn.domain.refusals import Reason
from keyturn.services.recovery import RESET, NewLink
from keyturn.services.sign_up import VERIFY

_REFUSALS = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT)


class LinkObject(msgspec.Struct):
    """A link that works once. Nobody can show it again."""

    user_id: Annotated[str, msgspec.Meta(examples=["user_VbXhUyUBKUlzDND0IYtt"])]
    email: Email
    url: Annotated[
        str,
        msgspec.Meta(
            description="Where the person goes; begins with the setting `people.url` if it is set.",
            examples=["https://ai.example.com/dashboard/reset#0123456789ABCDEFGHIJKLMNOPQRSTUV"],
        ),
    ]
    expires_at: Moment


@post(
    "/{user_id:str}/reset-link",
    summary="Make a link for a new password",
    status_code=201,
    responses=_REFUSALS,
)
async def make_reset_link(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Answer[LinkObject]:
    """Works once, within an hour; the link before works no more. For the operator only, on the machine itself."""
    made = granted(await management.people.recovery.link(user_id, by=principal_of(request)))
    return Answer(data=_show(request, management, RESET, made))


@post(
    "/{user_id:str}/verify-link",
    summary="Make a link that confirms an address",
    status_code=201,
    responses=_REFUSALS,
)
async def make_verify_link(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Answer[LinkObject]:
    """For somebody who has signed up. Works once, within three days, together with the password that they chose."""
    made = granted(await management.people.sign_up.link(user_id, by=principal_of(request)))
    return Answer(data=_show(request, management, VERIFY, made))


router = Router("/users", tags=["Users"], route_handlers=[make_reset_link, make_verify_link])


def _show(request: Request[Any, Any, Any], management: Management, page: str, made: NewLink) -> LinkObject:
    base = people_url(request, management.settings)
    url = f"{base}/dashboard/{page}#{made.token.reveal()}"
    return LinkObject(made.user.id, made.user.email, url, moment(made.expires_at))
