"""Permissions."""

import pytest

from keyturn.domain.permissions import PRESETS, Permission, Preset, permits


@pytest.mark.parametrize("granted", list(Permission))
@pytest.mark.parametrize("needed", list(Permission))
def test_a_permission_covers_itself_and_admin_covers_all(granted: Permission, needed: Permission) -> None:
    """Nothing else is implied: write does not read."""
    expected = granted is needed or granted is Permission.ADMIN

    assert permits(frozenset({granted}), needed) is expected


@pytest.mark.parametrize("needed", list(Permission))
def test_no_permission_covers_nothing(needed: Permission) -> None:
    """A key can be left without any."""
    assert not permits(frozenset(), needed)


@pytest.mark.parametrize("preset", list(Preset))
def test_every_preset_lets_a_key_call_models(preset: Preset) -> None:
    """What is made by preset works at once."""
    assert permits(PRESETS[preset], Permission.READ)


def test_only_the_admin_preset_may_do_everything() -> None:
    """A name must not grant more than it says."""
    assert [preset for preset in Preset if Permission.ADMIN in PRESETS[preset]] == [Preset.ADMIN]
