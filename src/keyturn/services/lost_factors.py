"""Second factors that are lost: whoever administers the account turns them off, and the person is told."""

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Role
from keyturn.services import roles
from keyturn.services.audit import Facts, note
from keyturn.services.letters import Letter, Letters
from keyturn.services.users import User, complete, find
from keyturn.store import logins, passkeys, recovery_codes, sessions, users
from keyturn.store.engine import Store
from keyturn.store.users import StoredUser
from keyturn.system import Tasks

SUBJECT = "Your second factor was turned off"
TEXT = """Whoever administers your account on Keyturn has turned off your second factor: your app's codes, your recovery
codes and your passkeys open nothing any more, and you are signed out everywhere. Your password is what it was.

If you asked for it, sign in with your password and set up an app or a passkey anew:

{link}

If you did not, set a new password at once, and ask who did this and why.
"""


class LostFactors:
    """The use case."""

    def __init__(self, store: Store, letters: Letters, tasks: Tasks, *, url: str) -> None:
        """Take in what it works with.

        Args:
            store: Where second factors are kept.
            letters: Where letters go.
            tasks: In which letters are written: whoever asks does not wait for a mail server.
            url: Where people reach the node, as links in letters begin.
        """
        self._store = store
        self._letters = letters
        self._tasks = tasks
        self._url = url.rstrip("/")

    async def reset(self, id_or_email: str, *, by: Principal) -> User | Refused:
        """Take somebody's app, recovery codes and passkeys away, and end their sessions; the password stays.

        Args:
            id_or_email: Whose.
            by: Who asks; not somebody with a narrower role than theirs, and only with fresh proof.
        """
        async with self._store.writing() as connection:
            found = await find(connection, id_or_email, by)
            if isinstance(found, Refused):
                return found
            refused = await _refused(connection, found, by)
            if refused is not None:
                return refused
            lost = await _take_away(connection, found.id)
            if lost is None:
                return Refused(Reason.CONFLICT, f"{found.email} has no second factor")
            await sessions.end_all(connection, found.id)
            await users.change(connection, found.id, {})
            await note(connection, by, "user.reset_second_factor", found.id, before=lost)
            [changed] = await complete(connection, [await users.get(connection, found.id) or found])
        if self._letters.possible:
            letter = Letter(found.email, SUBJECT, TEXT.format(link=f"{self._url}/dashboard/account"))
            self._tasks.spawn(self._send(letter), name="a letter about a second factor")
        return changed

    async def _send(self, letter: Letter) -> None:
        await self._letters.send(letter)


async def _refused(connection: AsyncConnection, user: StoredUser, by: Principal) -> Refused | None:
    """Refuse who is weaker: with what is left, a password, they would be a step nearer to being this person."""
    login = await logins.get(connection, user.id)
    if login is None:
        return Refused(Reason.CONFLICT, f"{user.email} does not sign in")
    role = Role(login.role)
    return roles.refused_to_touch(by, user.account_id, role) or roles.refused_to_give(
        by, user.account_id, role
    )


async def _take_away(connection: AsyncConnection, user_id: str) -> Facts | None:
    """Take all second factors away; return what there was, ``None`` for nothing."""
    login = await logins.get(connection, user_id)
    keys = await passkeys.of_user(connection, user_id)
    app = login is not None and login.totp_sealed is not None
    if not app and not keys:
        return None
    codes = await recovery_codes.left(connection, user_id)
    await logins.change(connection, user_id, logins.NO_APP)
    await recovery_codes.replace(connection, user_id, [], now_ms=system.now_ms())
    for one in keys:
        await passkeys.remove(connection, one.id)
    return {"app": app, "recovery_codes": codes, "passkeys": [one.name for one in keys]}
