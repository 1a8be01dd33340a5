"""What is asked of a key, and what is kept of it."""

from pathlib import Path

import pytest

from fakes.issued import edit, issue
from fakes.stored_keys import BY_OPERATOR, DAY_MS, StoredKeys
from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission, Preset
from keyturn.services.keys import Key, Keys
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

HOUR_MS = 3_600_000


async def test_everything_asked_for_is_kept_in_one_form(keys: Keys, tmp_path: Path) -> None:
    """The worker compares texts: two ways to write a network are one."""
    issued = await issue(
        keys,
        models=("gpt-*", "tts", "gpt-*"),
        endpoints=("/v1/*",),
        ip=("203.0.113.7", "2001:DB8::/32", "::ffff:10.0.0.0/104"),
        origins=("HTTPS://App.Example.com:443/", "https://*.example.com"),
        locations=("query", "header"),
        tags=("b", "a", "b"),
        metadata={"z": "1", "a": "2"},
        rotate_every_days=90,
        overlap_hours=0,
        self_rotation=True,
        sealing_key="hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        sink=f"{tmp_path}/app.env",
        environment="staging",
        not_before_ms=1,
        delete_protected=True,
        decoy=True,
    )

    stored = issued.key.stored
    assert (stored.models, stored.endpoints) == ("gpt-* tts", "/v1/*")
    assert stored.ip == "203.0.113.7/32 2001:db8::/32 10.0.0.0/8"
    assert stored.origins == "https://app.example.com https://*.example.com"
    assert (stored.locations, stored.tags, stored.metadata) == ("header query", "a b", '{"a":"2","z":"1"}')
    assert stored.next_rotation_at == stored.created_at + 90 * DAY_MS
    assert (stored.overlap_hours, stored.self_rotation, stored.sink) == (0, True, f"{tmp_path}/app.env")
    assert (stored.sealing_key or b"").hex().startswith("8520f009")
    assert (stored.environment, stored.not_before, stored.delete_protected, stored.decoy) == (
        "staging",
        1,
        True,
        True,
    )


async def test_a_recoverable_key_keeps_its_secret_sealed_for_itself(
    keys: Keys, furnished: Store, vault: Vault
) -> None:
    """Only the vault opens it, and only in its own row."""
    issued = await issue(keys, recoverable=True)
    [stored] = issued.key.secrets

    assert stored.sealed is not None
    assert issued.secret.reveal().encode() not in stored.sealed
    assert vault.unseal(f"secret:{issued.key.stored.id}:{stored.id}", stored.sealed) == issued.secret


@pytest.mark.parametrize("ending", ["edit", "revoke"])
async def test_a_secret_that_need_not_be_shown_again_is_destroyed(keys: Keys, ending: str) -> None:
    """What is not there can't be stolen."""
    await issue(keys, recoverable=True)

    if ending == "edit":
        await edit(keys, "app", recoverable=False)
    else:
        await keys.revoke("app", by=BY_OPERATOR)

    shown = await keys.show("app", by=BY_OPERATOR)
    assert isinstance(shown, Key)
    assert [secret.sealed for secret in shown.secrets] == [None]


async def test_a_publishable_key_reads_and_is_bound_to_its_pages(keys: Keys) -> None:
    """It stands in everybody's browser."""
    issued = await issue(keys, kind=Kind.PUBLISHABLE, origins=("https://app.example.com",))

    assert issued.secret.reveal().startswith("pk-")
    assert (issued.key.stored.preset, issued.key.stored.permissions) == ("read-only", "read")


async def test_a_change_of_rights_names_its_preset_or_none(keys: Keys) -> None:
    """A list says what a key may do in one word where there is one."""
    await issue(keys)

    admin = await edit(keys, "app", preset=Preset.ADMIN)
    listed = await edit(keys, "app", permissions=frozenset({Permission.WEBHOOK}))

    assert (admin.stored.preset, admin.stored.permissions) == ("admin", "admin")
    assert (listed.stored.preset, listed.stored.permissions) == ("", "webhook")


async def test_a_new_rhythm_counts_from_the_newest_secret_and_gives_notice(
    keys: Keys, stored_keys: StoredKeys, furnished: Store
) -> None:
    """A key that is a year old is due; nobody is surprised within the hour."""
    issued = await issue(keys)
    now_ms = system.now_ms()
    old_id, _ = await stored_keys.put(
        issued.key.stored.project_id, name="old", created_at=now_ms - 365 * DAY_MS
    )

    fresh = await edit(keys, "app", rotate_every_days=30)
    old = await edit(keys, old_id, rotate_every_days=30)
    never = await edit(keys, "app", rotate_every_days=None)

    assert fresh.stored.next_rotation_at == issued.key.stored.created_at + 30 * DAY_MS
    assert 0 < (old.stored.next_rotation_at or 0) - now_ms - DAY_MS < HOUR_MS
    assert never.stored.next_rotation_at is None
