"""Issuing, changing and ending keys."""

import asyncio

import msgspec
import pytest
from sqlalchemy import update

from fakes.heard import Heard
from fakes.issued import EVERY, digest, edit, found, issue
from fakes.stored_keys import BY_OPERATOR, DAY_MS, holder, log_of
from keyturn import system
from keyturn.domain import key_text
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.key_terms import Terms
from keyturn.services.keys import Key, Keys
from keyturn.services.lookup import Lookup
from keyturn.store import tables
from keyturn.store.engine import Store
from keyturn.store.keys import KeyFilter

HOUR_MS = 3_600_000


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


async def test_a_disabled_key_works_again_when_enabled(keys: Keys, lookup: Lookup) -> None:
    """Disabling is for now, not for good."""
    issued = await issue(keys)

    disabled = await keys.disable("app", by=BY_OPERATOR)
    seen_disabled = await lookup.by_digest(digest(issued.secret))
    enabled = await keys.enable("app", by=BY_OPERATOR)
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

    revoked = await keys.revoke("app", by=BY_OPERATOR)
    refused = await keys.enable("app", by=BY_OPERATOR)

    assert isinstance(revoked, Key)
    assert revoked.status is Status.REVOKED
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT


async def test_a_deleted_key_is_revoked_and_in_no_list(keys: Keys, lookup: Lookup) -> None:
    """Gone for people; whoever still sends it is told why it no longer works."""
    issued = await issue(keys)

    await keys.delete("app", by=BY_OPERATOR)
    shown = await keys.show(issued.key.stored.id, by=BY_OPERATOR)
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

    await edit(keys, "app", description="more")
    await keys.disable("app", by=BY_OPERATOR)
    await keys.enable("app", by=BY_OPERATOR)
    await keys.revoke("app", by=BY_OPERATOR)
    await keys.revoke("app", by=BY_OPERATOR)
    await keys.delete("app", by=BY_OPERATOR)

    assert workers.changes == [[key_id]] * 6


async def test_an_edit_changes_what_it_names_and_counts_the_version(keys: Keys) -> None:
    """A client that sends one member must not reset the others."""
    issued = await issue(keys, description="first", expires_at_ms=system.now_ms() + HOUR_MS)

    renamed = await edit(keys, issued.key.stored.id, name="new")
    cleared = await edit(keys, "new", expires_at_ms=None)

    assert (renamed.stored.description, renamed.stored.version) == ("first", 2)
    assert renamed.stored.expires_at is not None
    assert (cleared.stored.expires_at, cleared.stored.version) == (None, 3)


async def test_an_edit_to_a_time_past_expires_the_key_now(keys: Keys) -> None:
    """A way to say 'until this moment'."""
    await issue(keys)

    edited = await edit(keys, "app", expires_at_ms=1)

    assert edited.status is Status.EXPIRED


async def test_an_edit_to_a_bad_name_changes_nothing(keys: Keys) -> None:
    """No half-applied change."""
    await issue(keys)

    refused = await keys.edit("app", Terms(name="", description="x"), by=BY_OPERATOR)
    shown = await keys.show("app", by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert isinstance(shown, Key)
    assert shown.stored.version == 1


async def test_a_name_that_two_keys_have_is_answered_with_their_ids(keys: Keys) -> None:
    """Ending the wrong one of two can't be undone."""
    first, second = await issue(keys), await issue(keys)

    refused = await keys.revoke("app", by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT
    assert refused.details == {"ids": f"{first.key.stored.id}, {second.key.stored.id}"}


@pytest.mark.parametrize("action", ["show", "enable", "disable", "revoke", "delete", "undelete"])
async def test_an_unknown_key_is_not_found(keys: Keys, action: str) -> None:
    """A typo must not look like success."""
    refused = await getattr(keys, action)("nobody", by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_pages_cover_every_key_once_newest_first(keys: Keys) -> None:
    """A list that skips a key hides it from its owner."""
    issued = [await issue(keys, f"app {number}") for number in range(5)]
    by_age = sorted(issued, key=lambda one: one.key.stored.id, reverse=True)

    seen: list[str] = []
    cursor: str | None = None
    while True:
        listed = await keys.page(EVERY, by=BY_OPERATOR, cursor=cursor, limit=2)
        assert not isinstance(listed, Refused)
        page, cursor = listed
        seen += [key.stored.name for key in page]
        if cursor is None:
            break

    assert seen == [*(one.key.stored.name for one in by_age), "default"]


async def test_a_list_can_be_narrowed_by_status(keys: Keys) -> None:
    """One status each, whatever else holds: a revoked key that is also disabled is revoked."""
    await issue(keys, "on")
    await issue(keys, "off")
    await keys.disable("off", by=BY_OPERATOR)
    await issue(keys, "late")
    await edit(keys, "late", expires_at_ms=1)
    await issue(keys, "dead")
    await keys.disable("dead", by=BY_OPERATOR)
    await keys.revoke("dead", by=BY_OPERATOR)

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


async def test_a_list_can_be_narrowed_by_what_a_key_is_for(keys: Keys) -> None:
    """Environment, tag, kind; a tag is a whole word."""
    await issue(keys, "one", environment="staging", tags=("team", "a"))
    await issue(keys, "two", kind=Kind.MANAGEMENT, tags=("teams",))

    assert await found(keys, KeyFilter(environment="staging")) == ["one"]
    assert await found(keys, KeyFilter(tag="team")) == ["one"]
    assert await found(keys, KeyFilter(tag="tea")) == []
    assert await found(keys, KeyFilter(kind="management")) == ["two"]


# ── how changes are made ────────────────────────────────────────────────────────


async def test_every_change_is_in_the_audit_log_with_what_changed(keys: Keys, furnished: Store) -> None:
    """And an unchanged key is not."""
    issued = await issue(keys)
    key_id = issued.key.stored.id

    await edit(keys, "app", description="new", models=("gpt-*",))
    for action in ("disable", "disable", "enable", "revoke", "revoke", "delete"):
        await getattr(keys, action)(key_id, by=BY_OPERATOR)
    await keys.undelete(key_id, by=BY_OPERATOR)

    log = [(action, target) for _, action, target in await log_of(furnished) if target == key_id]
    actions = ("create", "edit", "disable", "enable", "revoke", "delete", "undelete")
    assert log == [(f"key.{action}", key_id) for action in actions]
    entries = tables.audit.c
    query = tables.audit.select().where(
        entries.target == key_id, entries.action.in_(("key.create", "key.edit"))
    )
    async with furnished.reading() as connection:
        created, edited = (await connection.execute(query)).all()
    assert msgspec.json.decode(edited.before) == {"description": "", "models": []}
    assert msgspec.json.decode(edited.after) == {"description": "new", "models": ["gpt-*"]}
    assert msgspec.json.decode(created.after)["display"] == issued.secret.reveal()[:7] + "…"
    assert issued.secret.reveal() not in created.after


async def test_a_change_of_what_somebody_else_has_changed_is_refused(keys: Keys) -> None:
    """The last one must not win unseen."""
    await issue(keys)
    await edit(keys, "app", description="other")

    late = await keys.edit("app", Terms(name="mine"), by=BY_OPERATOR, if_match='"1"')
    ended = await keys.delete("app", by=BY_OPERATOR, if_match='"1"')
    again = await keys.edit("app", Terms(name="mine"), by=BY_OPERATOR, if_match='"2"')

    assert isinstance(late, Refused)
    assert isinstance(ended, Refused)
    assert (late.reason, ended.reason) == (Reason.VERSION_MISMATCH, Reason.VERSION_MISMATCH)
    assert isinstance(again, Key)


async def test_of_many_changes_at_once_bound_to_one_version_one_is_made(keys: Keys) -> None:
    """The version is compared in the transaction of the change, not before it."""
    await issue(keys)

    made = await asyncio.gather(
        *(
            keys.edit("app", Terms(name="app", tags=(f"t{n}",)), by=BY_OPERATOR, if_match='"1"')
            for n in range(8)
        )
    )

    reasons = [one.reason for one in made if isinstance(one, Refused)]
    assert reasons == [Reason.VERSION_MISMATCH] * 7


async def test_a_protected_key_is_not_deleted(keys: Keys) -> None:
    """Until somebody takes the protection away on purpose."""
    await issue(keys, delete_protected=True)

    kept = await keys.delete("app", by=BY_OPERATOR)
    await edit(keys, "app", delete_protected=False)
    gone = await keys.delete("app", by=BY_OPERATOR)

    assert isinstance(kept, Refused)
    assert kept.reason is Reason.CONFLICT
    assert isinstance(gone, Key)


async def test_a_deletion_asked_for_again_is_confirmed_again(keys: Keys, workers: Heard) -> None:
    """The first call may have failed because a worker had not confirmed."""
    issued = await issue(keys)
    await keys.delete("app", by=BY_OPERATOR)

    again = await keys.delete(issued.key.stored.id, by=BY_OPERATOR)

    assert isinstance(again, Refused)
    assert workers.changes == [[issued.key.stored.id]] * 2


async def test_the_operator_brings_a_deleted_key_back_as_it_was(keys: Keys, lookup: Lookup) -> None:
    """A slip of the finger is not the end."""
    issued = await issue(keys, description="kept")
    await keys.delete("app", by=BY_OPERATOR)

    seen = await found(keys, KeyFilter(deleted=True))
    back = await keys.undelete("app", by=BY_OPERATOR)
    held = await lookup.by_digest(digest(issued.secret))

    assert seen == ["app"]
    assert isinstance(back, Key)
    assert (back.status, back.stored.description) == (Status.ACTIVE, "kept")
    assert held is not None
    assert held.revoked_at is None


async def test_a_key_deleted_long_ago_stays_deleted(keys: Keys, furnished: Store) -> None:
    """30 days, then it is final for the operator too."""
    issued = await issue(keys)
    month_ago = system.now_ms() - 30 * DAY_MS - HOUR_MS
    async with furnished.writing() as connection:
        dated = update(tables.keys).where(tables.keys.c.id == issued.key.stored.id)
        await connection.execute(dated.values(deleted_at=month_ago))

    refused = await keys.undelete(issued.key.stored.id, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_a_deleted_key_is_final_for_every_key(keys: Keys) -> None:
    """Also for one that reaches the whole node: a thief must not bring back what was ended."""
    issued = await issue(keys)
    owner = holder(issued.key.account_id, issued.key.stored.project_id, node=True)
    await keys.delete("app", by=owner)

    undeleted = await keys.undelete(issued.key.stored.id, by=owner)
    listed = await keys.page(KeyFilter(deleted=True), by=owner, cursor=None, limit=1)

    assert isinstance(undeleted, Refused)
    assert isinstance(listed, Refused)
    assert {undeleted.reason, listed.reason} == {Reason.INSUFFICIENT_PERMISSIONS}
