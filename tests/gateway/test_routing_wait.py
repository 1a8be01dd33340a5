"""A model whose lone provider says how long to wait: how long that takes is measured, so nothing may run beside this."""

import time

from gateway.routed import Pair, busy_for


def test_a_lone_provider_is_waited_for_as_it_says(pair: Pair) -> None:
    """Where there is no other, and no longer than is set."""
    pair.route(pair.targets[0])
    pair.first.arrange(busy_for("0.3"))
    began = time.monotonic()

    answer = pair.chat()

    assert answer.status_code == 200
    assert 0.3 <= time.monotonic() - began < 2
    assert pair.tried(answer) == ["first:429", "first:ok"]
