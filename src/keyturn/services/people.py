"""The use cases of people and how they come in, put together."""

import msgspec

from keyturn.config.live import Live
from keyturn.services.devices import Devices
from keyturn.services.invitations import Invitations
from keyturn.services.letters import Letters
from keyturn.services.lost_factors import LostFactors
from keyturn.services.oidc import Oidc
from keyturn.services.own_account import OwnAccount
from keyturn.services.passkeys import Passkeys
from keyturn.services.passwords import Passwords
from keyturn.services.recovery import Recovery
from keyturn.services.second_factors import SecondFactors
from keyturn.services.sign_in import SignIn
from keyturn.services.sign_up import SignUp
from keyturn.services.smtp import post_for
from keyturn.services.throttle import Throttle
from keyturn.services.tickets import Tickets
from keyturn.store.engine import Store
from keyturn.store.vault import Vault
from keyturn.system import Tasks


class People(msgspec.Struct, frozen=True):
    """One of each."""

    throttle: Throttle
    tickets: Tickets
    devices: Devices
    letters: Letters
    sign_in: SignIn
    invitations: Invitations
    own_account: OwnAccount
    second_factors: SecondFactors
    lost_factors: LostFactors
    passkeys: Passkeys
    recovery: Recovery
    sign_up: SignUp
    oidc: Oidc


def people_of(store: Store, vault: Vault, tasks: Tasks, live: Live) -> People:
    """Put them together over a store; who may sign up can change while the node runs."""
    settings = live.now
    passwords, throttle, tickets = Passwords(), Throttle(store), Tickets()
    letters = Letters(post_for(settings.smtp))
    url = settings.people.url
    return People(
        throttle=throttle,
        tickets=tickets,
        devices=Devices(vault),
        letters=letters,
        sign_in=SignIn(store, passwords, throttle),
        invitations=Invitations(store, passwords, letters),
        own_account=OwnAccount(store, passwords, throttle),
        second_factors=SecondFactors(store, vault, throttle),
        lost_factors=LostFactors(store, letters, tasks, url=url),
        passkeys=Passkeys(store, tickets),
        recovery=Recovery(store, passwords, throttle, letters, tasks, url=url),
        sign_up=SignUp(store, passwords, throttle, letters, tasks, settings=lambda: live.now.people),
        oidc=Oidc(store, tickets, settings.oidc),
    )
