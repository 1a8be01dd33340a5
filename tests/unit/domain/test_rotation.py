"""How long old secrets live on."""

import pytest

from keyturn.domain.rotation import DAY_MS, HOUR_MS, overlap_cap, overlap_end

ROTATED = 1_000 * DAY_MS
WEEK = 168


def test_the_overlap_begins_with_the_first_use() -> None:
    """A clock that ran from the rotation on would end the old secret before the new one is anywhere."""
    first_use = ROTATED + 3 * DAY_MS

    end = overlap_end(ROTATED, first_use, WEEK)

    assert end == first_use + 7 * DAY_MS


@pytest.mark.parametrize(
    ("used_after_days", "ends_after_days"), [(14, 21), (15, 21), (19, 21), (20, 21), (21, 22), (300, 301)]
)
def test_a_late_first_use_shortens_the_overlap_to_a_day_at_least(
    used_after_days: int, ends_after_days: int
) -> None:
    """The cap ends every overlap, and still nobody who has just begun to change over is cut off."""
    end = overlap_end(ROTATED, ROTATED + used_after_days * DAY_MS, WEEK)

    assert end == ROTATED + ends_after_days * DAY_MS


@pytest.mark.parametrize("hours", [0, 1, 23])
def test_a_short_overlap_is_never_made_longer(hours: int) -> None:
    """Whoever set it wants the old secret gone."""
    late = overlap_cap(ROTATED, hours) + DAY_MS

    assert overlap_end(ROTATED, ROTATED, hours) == ROTATED + hours * HOUR_MS
    assert overlap_end(ROTATED, late, hours) == late + hours * HOUR_MS


def test_a_rotation_ought_to_be_over_two_weeks_after_its_overlap() -> None:
    """From then on somebody is told every day."""
    assert overlap_cap(ROTATED, WEEK) == ROTATED + 21 * DAY_MS
