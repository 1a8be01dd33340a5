"""Signing in with an OpenID provider: who somebody is there, and which user that is here."""

import hmac

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.sections import Oidc as OidcSettings
from keyturn.domain import ids, labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import Facts, note
from keyturn.services.oidc_provider import Claims, Provider, ProviderError
from keyturn.services.sessions import Visitor
from keyturn.services.tickets import Tickets
from keyturn.services.users import problem_with_person
from keyturn.store import accounts, identities, logins, passkeys, users
from keyturn.store.engine import Store
from keyturn.store.identities import StoredIdentity
from keyturn.store.logins import StoredLogin
from keyturn.store.users import StoredUser

TICKET, TICKET_MS = "sign in at a provider", 10 * 60_000
NOT_REACHED = "The provider could not be asked who you are; try again, or sign in another way"
STALE = "Signing in took too long, or began in another browser; begin again"
NO_USER = "Nobody with your address is a user here; ask for an invitation"
NO_ADDRESS = "The provider does not say that your e-mail address is yours; sign in another way"
SOMEBODY_ELSE = "You are somebody else at the provider"
NOT_ASKED = "The provider did not ask again who you are"
CODE_TOO = "You use codes of an app: the provider alone does not show that it is you; give a code"
TAKEN = "Who you are there is connected to somebody else here; sign in there as another one, or have them disconnect it"
CONNECT, CONNECT_MS = "connect an identity", 10 * 60_000
MOST = 10
"""Identities of one user."""
NOT_ALLOWED = "People with addresses of this domain can't sign in here"
_FRESH_S = 600


class Led(msgspec.Struct, frozen=True):
    """Where a browser is led, and what it brings back."""

    address: str
    ticket: Secret


class Arrived(msgspec.Struct, frozen=True):
    """Somebody who came back from the provider."""

    user_id: str
    then: str
    """The page they wanted."""
    proves: str
    """The session that is to be proved by it; empty: a new one begins, or an identity was connected."""
    connected: str = ""
    """Who they are at the provider, as it calls them; then this identity is theirs from now on."""


class Oidc:
    """The use cases."""

    def __init__(self, store: Store, tickets: Tickets, settings: OidcSettings) -> None:
        self._store = store
        self._tickets = tickets
        self._settings = settings
        self._provider = Provider(settings)

    @property
    def name(self) -> str:
        """What the provider is called; empty: there is none."""
        return self._settings.name if self._settings.issuer else ""

    async def each(self, user_id: str) -> list[StoredIdentity]:
        """Return who a user is at providers."""
        async with self._store.reading() as connection:
            return await identities.of_user(connection, user_id)

    async def forget(self, visitor: Visitor, issuer: str, subject: str) -> Refused | None:
        """Let the visitor sign in with one of their identities no more; they must have another way."""
        user_id = visitor.person.id
        async with self._store.writing() as connection:
            own = await identities.of_user(connection, user_id)
            rest = [one for one in own if (one.issuer, one.subject) != (issuer, subject)]
            if len(rest) == len(own):
                return Refused(Reason.RESOURCE_NOT_FOUND, "You have no such identity")
            login = await logins.get(connection, user_id)
            at_provider = any(one.issuer == self._settings.issuer for one in rest)
            has_key = bool(await passkeys.of_user(connection, user_id))
            if not (at_provider or has_key or (login is not None and login.password_hash)):
                return Refused(Reason.CONFLICT, "Set a password first: you could not sign in any more")
            await identities.remove(connection, issuer, subject)
            before: Facts = {"issuer": issuer, "subject": subject}
            await note(connection, visitor.principal, "user.forget_identity", user_id, before=before)
        return None

    def ask_to_connect(self, holder: str) -> Secret:
        """Return what a page of ours gives along: without it no link leads anybody into connecting something."""
        _, text = self._tickets.issue(CONNECT, holder, for_ms=CONNECT_MS)
        return text

    def wants_to_connect(self, holder: str, text: str) -> bool:
        """Say whether the visitor has seen the page that asks."""
        return self._tickets.read(text, CONNECT, holder) is not None

    async def lead(
        self, holder: str, *, redirect_uri: str, then: str, proves: str = "", connects: str = ""
    ) -> Led | Refused:
        """Return where to lead a browser.

        Args:
            holder: What the visitor's forms carry.
            redirect_uri: Where the browser comes back to.
            then: The page they want.
            proves: The session that is to be proved; empty: they sign in.
            connects: The session whose user is to be known by who they are there; empty: none.
        """
        if not self.name:
            return Refused(Reason.PATH_NOT_FOUND, "There is no such page")
        facts = {name: system.new_token().reveal() for name in ("state", "nonce")}
        # RFC 7636 section 4.1: at least 43 characters.
        facts["verifier"] = system.new_token().reveal() + system.new_token().reveal()
        try:
            fresh = bool(proves or connects)
            address = await self._provider.address(redirect_uri=redirect_uri, fresh=fresh, **facts)
        except ProviderError as error:
            return _not_reached(error)
        facts |= {"then": then, "proves": proves, "connects": connects}
        _, ticket = self._tickets.issue(TICKET, holder, facts, for_ms=TICKET_MS)
        return Led(address, ticket)

    async def arrive(
        self,
        holder: str,
        ticket_text: str,
        *,
        state: str,
        code: str,
        redirect_uri: str,
        address: str,
        visitor: Visitor | None = None,
    ) -> Arrived | Refused:
        """Return who comes back from the provider.

        Args:
            holder: What the visitor's forms carry.
            ticket_text: What ``lead`` gave them.
            state: What came back.
            code: What came back.
            redirect_uri: The same as on the way there.
            address: Where they come from.
            visitor: Who has signed in already.
        """
        ticket = self._tickets.read(ticket_text, TICKET, holder)
        facts = ticket.facts if ticket else {}
        if ticket is None or not hmac.compare_digest(
            facts["state"].encode(), state.encode("utf-8", "replace")
        ):
            return Refused(Reason.INVALID_MEMBER, STALE)
        if facts["connects"] != (visitor.person.session_id if visitor and facts["connects"] else ""):
            return Refused(Reason.INVALID_MEMBER, STALE)
        if not code or not self._tickets.spend(ticket):
            return Refused(Reason.INVALID_MEMBER, STALE)
        try:
            claims = await self._provider.claims(
                code, redirect_uri=redirect_uri, nonce=facts["nonce"], verifier=facts["verifier"]
            )
        except ProviderError as error:
            return _not_reached(error)
        if visitor is not None and facts["connects"]:
            refused = await self._connect(claims, visitor)
            who = claims.email or claims.name or claims.sub
            return refused or Arrived(visitor.person.id, facts["then"], "", connected=who)
        if facts["proves"]:
            user_id = await self._proving(claims)
            return (
                user_id if isinstance(user_id, Refused) else Arrived(user_id, facts["then"], facts["proves"])
            )
        async with self._store.writing() as connection:
            user = await self._user(connection, claims, address)
            if isinstance(user, Refused):
                return user
            await logins.change(connection, user.id, {"last_sign_in_at": system.now_ms()})
        return Arrived(user.id, facts["then"], "")

    async def _connect(self, claims: Claims, visitor: Visitor) -> Refused | None:
        """Let the visitor sign in as who they are at the provider; nobody else may be that already."""
        refused = self._problem(claims)
        # Not every provider says when it asked; one that does and did not ask has shown only whose browser it is.
        if claims.auth_time is not None and claims.auth_time < system.now() - _FRESH_S:
            refused = Refused(Reason.INVALID_MEMBER, NOT_ASKED)
        if refused is not None:
            return refused
        user_id = visitor.person.id
        async with self._store.writing() as connection:
            held = await identities.get(connection, claims.iss, claims.sub)
            if held is not None and held.user_id == user_id:
                return None
            if held is not None and await users.get(connection, held.user_id) is not None:
                return Refused(Reason.CONFLICT, TAKEN)
            if held is not None:
                await identities.remove(connection, held.issuer, held.subject)  # of somebody deleted
            if len(await identities.of_user(connection, user_id)) >= MOST:
                return Refused(Reason.CONFLICT, f"You have {MOST} identities; disconnect one first")
            await _link(connection, claims, user_id, visitor.principal)
        return None

    async def _proving(self, claims: Claims) -> str | Refused:
        """Return who shows again that it is them; nobody is connected or made a user by it."""
        # With max_age it must be said (OpenID Connect Core 2); not said, nobody was asked.
        if (claims.auth_time or 0) < system.now() - _FRESH_S:
            return Refused(Reason.INVALID_MEMBER, NOT_ASKED)
        async with self._store.reading() as connection:
            identity = await identities.get(connection, claims.iss, claims.sub)
            login = await logins.get(connection, identity.user_id) if identity else None
        if login is None:
            return Refused(Reason.INVALID_MEMBER, SOMEBODY_ELSE)
        if login.totp_confirmed_at is not None:
            return Refused(Reason.INVALID_MEMBER, CODE_TOO)
        return login.user_id

    async def _user(self, connection: AsyncConnection, claims: Claims, address: str) -> StoredUser | Refused:
        refused = self._problem(claims)
        if refused is not None:
            return refused
        identity = await identities.get(connection, claims.iss, claims.sub)
        if identity is not None:
            known = await users.get(connection, identity.user_id)
            if known is not None:
                return known if known.suspended_at is None else Refused(Reason.INVALID_MEMBER, NO_USER)
            await identities.remove(connection, identity.issuer, identity.subject)  # of somebody deleted
        email = claims.verified_email
        if not email:
            return Refused(Reason.INVALID_MEMBER, NO_ADDRESS)
        user = await self._linked(connection, email) or await self._provisioned(connection, email, claims)
        if isinstance(user, Refused):
            return user
        await _link(connection, claims, user.id, Principal(user.id, address))
        return user

    def _problem(self, claims: Claims) -> Refused | None:
        allowed = {one.strip().lower() for one in self._settings.allowed_domains}
        if allowed and claims.verified_email.rpartition("@")[2] not in allowed:
            return Refused(Reason.INVALID_MEMBER, NOT_ALLOWED)
        return None

    async def _linked(self, connection: AsyncConnection, email: str) -> StoredUser | Refused | None:
        """Return the operator's user with an address who has shown that it is theirs.

        The provider is the operator's; a tenant says who their users are, and must get nobody's by an address.
        """
        first = await accounts.first(connection)
        there = await users.with_email(connection, email, first) if first else []
        login = await logins.get(connection, there[0].id) if there else None
        if login is None or not login.address_proved:
            return None
        return there[0] if there[0].suspended_at is None else Refused(Reason.INVALID_MEMBER, NO_USER)

    async def _provisioned(
        self, connection: AsyncConnection, email: str, claims: Claims
    ) -> StoredUser | Refused:
        """Make somebody a user of the operator's account."""
        first = await accounts.first(connection)
        name = claims.name.strip() or email[: labels.NAME_LENGTH]
        if not self._settings.provision or first is None:
            return Refused(Reason.INVALID_MEMBER, NO_USER)
        if problem_with_person(email, name) is not None:
            name = email[: labels.NAME_LENGTH]
        there = await users.with_email(connection, email, first)
        user = there[0] if there else StoredUser(system.new_id(ids.USER), first, email, name, system.now_ms())
        refused = problem_with_person(email, name)
        if refused is not None or user.suspended_at is not None:
            return refused or Refused(Reason.INVALID_MEMBER, NO_USER)
        if there and await logins.get(connection, user.id) is not None:
            return Refused(Reason.INVALID_MEMBER, NO_USER)  # their address is not confirmed yet
        if not there:
            await users.add(connection, user)
        now_ms, role = system.now_ms(), self._settings.role
        await logins.add(connection, StoredLogin(user.id, role, email_verified_at=now_ms, created_at=now_ms))
        told: Facts = {"email": email, "role": role}
        await note(connection, Principal(user.id), "user.provision", user.id, after=told)
        return user


async def _link(connection: AsyncConnection, claims: Claims, user_id: str, by: Principal) -> None:
    await identities.add(connection, StoredIdentity(claims.iss, claims.sub, user_id, system.now_ms()))
    told: Facts = {"issuer": claims.iss, "subject": claims.sub}
    await note(connection, by, "user.link_identity", user_id, after=told)


def _not_reached(error: ProviderError) -> Refused:
    structlog.get_logger().warning("signing in at the OpenID provider failed", why=str(error))
    return Refused(Reason.CONTROL_UNAVAILABLE, NOT_REACHED)
