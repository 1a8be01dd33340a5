"""Issuing, changing and ending keys."""

import msgspec
import pytest
from sqlalchemy import update

from fakes.heard import Heard
from keyturn import system
from keyturn.domain import key_text, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.keys import Issued, Key, KeyChange, Keys, NewKey
from keyturn.services.lookup import Lookup
from keyturn.store import tables
from keyturn.store.engine import Store
from keyturn.store.keys import KeyFilter

EVERY = KeyFilter()
HOUR_MS = 3_600_000


def digest(secret: Secret) -> bytes:
    """Return what a worker asks with."""
    return verifier.digest(secret.reveal().encode())


async def issue(keys: Keys, name: str = "app", **members: object) -> Issued:
    """Issue a key that is not refused."""
    issued = await keys.create(msgspec.structs.replace(NewKey(name), **members), by="operator")
    assert isinstance(issued, Issued)
    return issued


async def found(keys: Keys, wanted: KeyFilter = EVERY) -> list[str]:
    """Return the names that a list gives."""
    page, _ = await keys.page(wanted, cursor=None, limit=100)
    return [key.stored.name for key in page]


async def test_an_issued_key_is_known_by_its_secret(keys: Keys, lookup: Lookup) -> None:
    """The whole point."""
    issued = await issue(keys)

    record = await lookup.by_digest(digest(issued.secret))

    assert record is not None
    assert (record.id, record.name, record.enabled) == (issued.key.stored.id, "app", True)
    assert record.permissions == {Permission.READ}
    assert key_text.is_well_formed(issued.secret.reveal())


async def test_nothing_in_the_database_gives_the_secret_away(keys: Keys, furnished: Store) -> None:
    """A stolen copy must not open a door."""
    issued = await issue(keys)

    stored = b"".join(path.read_bytes() for path in furnished.path.parent.glob("keyturn.db*"))

    assert issued.secret.reveal().encode() not in stored
    assert digest(issued.secret) not in stored


async def test_a_verifier_moved_to_another_key_is_nobodys(
    keys: Keys, lookup: Lookup, furnished: Store
) -> None:
    """Who can write the database but has not the pepper must not make a weak key strong."""
    weak, strong = await issue(keys), await issue(keys, preset=Preset.ADMIN)
    async with furnished.writing() as connection:
        moved = update(tables.secrets).where(tables.secrets.c.key_id == weak.key.stored.id)
        await connection.execute(moved.values(key_id=strong.key.stored.id))

    assert await lookup.by_digest(digest(weak.secret)) is None


async def test_a_new_key_is_for_production_unless_said(keys: Keys) -> None:
    """Least privilege by default."""
    issued = await issue(keys)

    assert (issued.key.stored.preset, issued.key.stored.permissions) == ("production", "read")


async def test_listed_permissions_take_the_place_of_the_preset(keys: Keys) -> None:
    """An operator who lists them means exactly these."""
    issued = await issue(keys, permissions=frozenset({Permission.WRITE, Permission.READ}))

    assert (issued.key.stored.preset, issued.key.stored.permissions) == ("", "read write")


async def test_a_management_key_is_an_admins_and_says_so_by_its_prefix(keys: Keys) -> None:
    """It must be recognisable in a leak."""
    issued = await issue(keys, kind=Kind.MANAGEMENT)

    assert issued.secret.reveal().startswith("ak-")
    assert (issued.key.stored.preset, issued.key.stored.permissions) == ("admin", "admin")


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        (NewKey(""), "name"),
        (NewKey("  "), "name"),
        (NewKey("x" * 201), "name"),
        (NewKey("a\nb"), "name"),
        (NewKey("x", description="d" * 2001), "description"),
        (NewKey("x", kind=Kind.PUBLISHABLE), "kind"),
        (NewKey("x", kind=Kind.MANAGEMENT, preset=Preset.READ_ONLY), "permissions"),
        (NewKey("x", kind=Kind.MANAGEMENT, permissions=frozenset({Permission.READ})), "permissions"),
        (NewKey("x", permissions=frozenset()), "permissions"),
        (NewKey("x", expires_at_ms=1), "expires_at"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_its_member(
    keys: Keys, wanted: NewKey, param: str
) -> None:
    """The caller must see what to change."""
    refused = await keys.create(wanted, by="operator")

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)
    assert await found(keys) == ["default"]


async def test_a_disabled_key_works_again_when_enabled(keys: Keys, lookup: Lookup) -> None:
    """Disabling is for now, not for good."""
    issued = await issue(keys)

    disabled = await keys.disable("app")
    seen_disabled = await lookup.by_digest(digest(issued.secret))
    enabled = await keys.enable("app")
    seen_enabled = await lookup.by_digest(digest(issued.secret))

    assert isinstance(disabled, Key)
    assert isinstance(enabled, Key)
    assert (disabled.status, enabled.status) == (Status.DISABLED, Status.ACTIVE)
    assert seen_disabled is not None
    assert seen_enabled is not None
    assert (seen_disabled.enabled, seen_enabled.enabled) == (False, True)


async def test_a_revoked_key_stays_revoked(keys: Keys) -> None:
    """Revoking is what one does with a leaked key."""
    await issue(keys)

    revoked = await keys.revoke("app")
    refused = await keys.enable("app")

    assert isinstance(revoked, Key)
    assert revoked.status is Status.REVOKED
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT


async def test_a_deleted_key_is_revoked_and_in_no_list(keys: Keys, lookup: Lookup) -> None:
    """Gone for people; whoever still sends it is told why it no longer works."""
    issued = await issue(keys)

    await keys.delete("app")
    shown = await keys.show(issued.key.stored.id)
    held = await lookup.by_digest(digest(issued.secret))

    assert held is not None
    assert held.revoked_at is not None
    assert await found(keys) == ["default"]
    assert isinstance(shown, Refused)
    assert shown.reason is Reason.RESOURCE_NOT_FOUND


async def test_every_change_is_told_to_the_workers_after_it_is_stored(keys: Keys, workers: Heard) -> None:
    """A worker that forgets before the commit would learn the old state again."""
    issued = await issue(keys)
    key_id = issued.key.stored.id
    assert workers.changes == []

    await keys.edit("app", KeyChange(description="more"))
    await keys.disable("app")
    await keys.enable("app")
    await keys.revoke("app")
    await keys.revoke("app")
    await keys.delete("app")

    assert workers.changes == [[key_id]] * 6


async def test_an_edit_changes_what_it_names_and_counts_the_version(keys: Keys) -> None:
    """A client that sends one member must not reset the others."""
    issued = await issue(keys, description="first", expires_at_ms=system.now_ms() + HOUR_MS)

    renamed = await keys.edit(issued.key.stored.id, KeyChange(name="new"))
    cleared = await keys.edit("new", KeyChange(expires_at_ms=None))

    assert isinstance(renamed, Key)
    assert isinstance(cleared, Key)
    assert (renamed.stored.description, renamed.stored.version) == ("first", 2)
    assert renamed.stored.expires_at is not None
    assert (cleared.stored.expires_at, cleared.stored.version) == (None, 3)


async def test_an_edit_to_a_time_past_expires_the_key_now(keys: Keys) -> None:
    """A way to say 'until this moment'."""
    await issue(keys)

    edited = await keys.edit("app", KeyChange(expires_at_ms=1))

    assert isinstance(edited, Key)
    assert edited.status is Status.EXPIRED


async def test_an_edit_to_a_bad_name_changes_nothing(keys: Keys) -> None:
    """No half-applied change."""
    await issue(keys)

    refused = await keys.edit("app", KeyChange(name="", description="x"))
    shown = await keys.show("app")

    assert isinstance(refused, Refused)
    assert isinstance(shown, Key)
    assert shown.stored.version == 1


async def test_a_name_that_two_keys_have_is_answered_with_their_ids(keys: Keys) -> None:
    """Ending the wrong one of two can't be undone."""
    first, second = await issue(keys), await issue(keys)

    refused = await keys.revoke("app")

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT
    assert refused.details == {"ids": f"{first.key.stored.id}, {second.key.stored.id}"}


@pytest.mark.parametrize("action", ["show", "enable", "disable", "revoke", "delete"])
async def test_an_unknown_key_is_not_found(keys: Keys, action: str) -> None:
    """A typo must not look like success."""
    refused = await getattr(keys, action)("nobody")

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_pages_cover_every_key_once_newest_first(keys: Keys) -> None:
    """A list that skips a key hides it from its owner."""
    issued = [await issue(keys, f"app {number}") for number in range(5)]
    by_age = sorted(issued, key=lambda one: one.key.stored.id, reverse=True)

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await keys.page(EVERY, cursor=cursor, limit=2)
        seen += [key.stored.name for key in page]
        if cursor is None:
            break

    assert seen == [*(one.key.stored.name for one in by_age), "default"]


async def test_a_list_can_be_narrowed_by_status(keys: Keys) -> None:
    """One status each, whatever else holds: a revoked key that is also disabled is revoked."""
    await issue(keys, "on")
    await issue(keys, "off")
    await keys.disable("off")
    await issue(keys, "late")
    await keys.edit("late", KeyChange(expires_at_ms=1))
    await issue(keys, "dead")
    await keys.disable("dead")
    await keys.revoke("dead")

    by_status = {status: await found(keys, KeyFilter(status=status)) for status in Status}

    assert sorted(by_status.pop(Status.ACTIVE)) == ["default", "on"]
    assert by_status == {Status.DISABLED: ["off"], Status.EXPIRED: ["late"], Status.REVOKED: ["dead"]}


async def test_a_list_can_be_searched_by_what_people_see(keys: Keys) -> None:
    """Name, description, the first characters of the secret, or the whole id; `%` is a character like any other."""
    issued = await issue(keys, "Billing", description="100% of invoices")
    await issue(keys, "other")

    for text in ("bill", "% OF", issued.secret.reveal()[:7], issued.key.stored.id):
        assert await found(keys, KeyFilter(search=text)) == ["Billing"]
    assert await found(keys, KeyFilter(search="%z%")) == []
