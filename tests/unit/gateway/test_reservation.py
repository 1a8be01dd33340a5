"""What a request takes from its key's limits, and gives back."""

import pytest

from fakes.lease_line import MODEL, Call, Line, key_with, needs
from keyturn import system
from keyturn.domain.limits import Metric, Window
from keyturn.gateway.reservation import Reservation
from support.asking import bound

BUDGET = bound(Window.MONTH, 10**12, Metric.COST)


class _Plane:
    """What a reservation gives back to."""

    def __init__(self, line: Line) -> None:
        self.leases = line.leases


@pytest.mark.parametrize("grown", [None, 300])
def test_what_was_not_used_comes_back_once(grown: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a stream had found room for more while it ran."""
    line, key = Line(), key_with(BUDGET)
    monkeypatch.setattr(system, "monotonic", lambda: line.now)
    call = Call(line, key, needs(cost=1_000)).begin()
    line.grant(line.asked(), 5_000)
    (lease,) = line.leases.of(key, MODEL).leases
    reservation = object.__new__(Reservation)
    reservation.plane = _Plane(line)  # type: ignore[assignment]
    reservation.allowance, reservation.amounts = call.allowance, call.amounts
    reservation._stamps, reservation._grown, reservation._taken = call.stamps, None, True
    if grown:
        lease.left -= grown
        reservation.taken_more([lease], needs(cost=grown))

    reservation._give_back(needs(requests=0, cost=600), ended=False)

    assert lease.left == 5_000 - 400
