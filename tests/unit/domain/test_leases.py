"""Places in a journal."""

from itertools import pairwise

from keyturn.domain.leases import position_of


def test_a_place_further_on_is_a_larger_number() -> None:
    """What the books have read is told from what they have not by comparing."""
    places = [
        position_of(0, 0),
        position_of(0, 1),
        position_of(0, 1 << 39),
        position_of(1, 0),
        position_of(1, 7),
    ]

    assert all(earlier < later for earlier, later in pairwise(places))
