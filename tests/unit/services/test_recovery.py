"""Who is sent a link for a new password."""

import asyncio

import pytest

from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.invitations import Invitation, Invitations, Invited
from keyturn.services.letters import Letter, Letters
from keyturn.services.passwords import Passwords
from keyturn.services.recovery import NewLink, Recovery
from keyturn.services.throttle import Throttle
from keyturn.store.engine import Store
from keyturn.system import Tasks

BY = Principal(OPERATOR)
PASSWORD = Secret("a long walk by the sea")


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_forgotten_password_brings_no_invitation_back(furnished: Store, *, accepted: bool) -> None:
    """An invitation ends after days, and whoever took it back wants it over; who has come in gets their link."""
    posted: list[Letter] = []

    async def post(letter: Letter) -> None:
        posted.append(letter)

    passwords, letters, tasks = Passwords(), Letters(post), Tasks()
    recovery = Recovery(furnished, passwords, Throttle(furnished), letters, tasks, url="https://ai.example")
    invitations = Invitations(furnished, passwords, Letters())
    invited = await invitations.invite(Invitation("ann@example.com"), base="", by=BY)
    assert isinstance(invited, Invited)
    if accepted:
        await invitations.accept(invited.link.reveal().partition("#")[2], "", PASSWORD, address="")

    await recovery.ask("ann@example.com", address="")
    await asyncio.gather(*(one for one in asyncio.all_tasks() if one is not asyncio.current_task()))
    link = await recovery.link("ann@example.com", by=BY)

    assert len(posted) == accepted
    if accepted:
        assert isinstance(link, NewLink)
    else:
        assert isinstance(link, Refused)
        assert link.reason is Reason.CONFLICT
