"""How a rotation is asked for."""

from keyturn.control.dashboard.pages.key_secrets import link_life, read_wish
from keyturn.domain.refusals import Refused
from keyturn.domain.rotation import Delivery
from keyturn.services.rotation import Wish


def test_a_rotation_is_read_from_its_form() -> None:
    """An empty overlap is the key's own; a link has one of few lives."""
    typed = {"overlap_hours": "", "revoke_old": "on", "delivery": "link", "link_s": "3600"}

    assert read_wish(typed) == Wish(revoke_old=True, delivery=Delivery.CLAIM, ttl_s=3600)
    assert link_life("31") == 300
    for hours in ("x", "99999"):
        refused = read_wish({**typed, "overlap_hours": hours})
        assert isinstance(refused, Refused)
        assert refused.param == "overlap_hours"
