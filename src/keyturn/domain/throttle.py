"""A throttle: a limit on a key's requests per minute that is put on for a while and goes away by itself.

It stands among the limits of the key, beside those that somebody has written down and never in the place of one: all
limits of a request are taken together, so that a throttle can only make less possible than there was.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from keyturn.domain.limits import Limit, Metric, Window

_EVERY_MODEL = "*"
"""A pattern, where limits that people write down for all models mostly have none: two limits never share a subject."""


def is_throttle(limit: Limit) -> bool:
    """Say whether nobody has written this limit down: only a throttle ends by itself."""
    return limit.until > 0


def throttled(limits: Sequence[Limit], per_minute: int, *, until: float) -> tuple[Limit, ...]:
    """Return limits with a throttle among them; one that is on is made as tight and as long as both together.

    Args:
        limits: Of a key, without throttles that have ended.
        per_minute: Requests that are let through.
        until: Seconds since 1970 UTC.
    """
    on = next((one for one in limits if is_throttle(one)), None)
    if on is not None:
        tight = replace(on, max=min(on.max, per_minute), until=max(on.until, until))
        return (*(one for one in limits if one is not on), tight)
    taken = {one.subject for one in limits}
    new = Limit(Metric.REQUESTS, Window.MINUTE, per_minute, _EVERY_MODEL, until=until)
    while new.subject in taken:
        new = replace(new, model=new.model + _EVERY_MODEL)
    return (*limits, new)


def unthrottled(limits: Sequence[Limit], now: float) -> tuple[Limit, ...]:
    """Return limits without the throttles that have ended at ``now``, in seconds since 1970 UTC."""
    return tuple(one for one in limits if not is_throttle(one) or now < one.until)
