"""Rules that tell when a key is used as it never was: each a question about a few figures, answered with those figures.

None of them learns. Whoever is told can check the answer by hand from what stands in the details.

====================  ================================================  =========================
rule                  what it looks at                                  where its facts are
====================  ================================================  =========================
key_in_browser        a secret key with the marks of a browser          the worker
usage_spike           30 minutes beside the same time of 14 days        rollups
dearer_model          a model the key never used, by its price          rollups, prices
wake_up               how long the key was not used                     rollups
dead_key_used         a secret that was ended and is presented again    the worker
guessing              different bad keys from one address               the worker
scope_probing         different refused operations of one key           what all workers refused
failing               how much of what a key asks for succeeds          rollups
====================  ================================================  =========================
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import median

import msgspec

from keyturn.domain.events import EventKind
from keyturn.domain.key_text import Kind
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason

Details = dict[str, str]
"""What an event tells: the figures that made a rule speak."""

HOUR_S, DAY_S = 3_600, 86_400
SPIKE_WINDOW_S, SPIKE_DAYS, SPIKE_FACTOR = 1_800, 14, 8
SPIKE_DAYS_KNOWN = 3
"""A key younger than that has no usual use yet."""
IDLE_S = 30 * DAY_S
GUESSES, GUESSING_S = 20, 300.0
PROBES, PROBING_S = 5, 300.0
FAILING_WINDOW_S, FAILING_REQUESTS = 600, 20
USUAL_SUCCESS_PERCENT, COLLAPSED_PERCENT = 90, 50
TELL_AGAIN_MS = DAY_S * 1_000
"""A rule speaks once about a key in this time."""


class Rule(StrEnum):
    """What is looked for."""

    KEY_IN_BROWSER = "key_in_browser"
    USAGE_SPIKE = "usage_spike"
    DEARER_MODEL = "dearer_model"
    WAKE_UP = "wake_up"
    DEAD_KEY_USED = "dead_key_used"
    GUESSING = "guessing"
    SCOPE_PROBING = "scope_probing"
    FAILING = "failing"


class Action(StrEnum):
    """What is done when a rule speaks; each includes those before it."""

    LOG = "log"
    NOTIFY = "notify"
    """An event."""
    THROTTLE = "throttle"
    """The key gets as many requests per minute as it usually makes, for a while."""
    QUARANTINE = "quarantine"
    """The key is refused until an operator enables it."""


KINDS = {
    Rule.KEY_IN_BROWSER: EventKind.KEY_IN_BROWSER,
    Rule.USAGE_SPIKE: EventKind.USAGE_SPIKE,
    Rule.DEARER_MODEL: EventKind.DEARER_MODEL,
    Rule.WAKE_UP: EventKind.WOKE_UP,
    Rule.DEAD_KEY_USED: EventKind.DEAD_KEY_USED,
    Rule.GUESSING: EventKind.GUESSING,
    Rule.SCOPE_PROBING: EventKind.SCOPE_PROBING,
    Rule.FAILING: EventKind.FAILING,
}
"""What each rule is told as."""
RULES = {kind: rule for rule, kind in KINDS.items()}
ALERTS = frozenset({EventKind.LIMIT_REACHED, EventKind.SIGN_UP_WAITS, *RULES})
"""The kinds of events that wait for somebody to acknowledge them."""

_ENDED = frozenset({Reason.REVOKED_API_KEY, Reason.EXPIRED_API_KEY, Reason.ROTATED_API_KEY})
OUT_OF_SCOPE = frozenset(
    {Reason.INSUFFICIENT_PERMISSIONS, Reason.ENDPOINT_NOT_ALLOWED, Reason.MODEL_NOT_ALLOWED}
)
"""What a key is refused for because of what it asked, not of from where it came or how its owner stands."""


class Use(msgspec.Struct, frozen=True):
    """What was used in some time."""

    tokens: int
    cost_nano_usd: int


class Tried(msgspec.Struct, frozen=True):
    """An operation that was refused to a key because it may not do that."""

    key_id: str
    operation: str
    at: float
    """Seconds since 1970 UTC."""
    address: str
    request_id: str


class Outcomes(msgspec.Struct, frozen=True):
    """How requests ended; those whose client left count as neither."""

    succeeded: int
    failed: int

    @property
    def percent(self) -> int:
        """How many of a hundred succeeded, rounded down; there must have been some."""
        return 100 * self.succeeded // (self.succeeded + self.failed)


def key_in_browser(kind: Kind, *, marked: bool) -> bool:
    """Say whether a secret stands in a page's source: only a publishable key is meant to.

    Args:
        kind: Of the key.
        marked: The request has what browsers send and other clients do not.
    """
    return kind is Kind.SECRET and marked


def dead_key_used(reason: Reason) -> bool:
    """Say whether a key was refused because its time is over: somebody still has it."""
    return reason in _ENDED


def guessing(different: int) -> bool:
    """Say whether so many different bad keys came from one address within ``GUESSING_S``; said once, at the number."""
    return different == GUESSES


def scope_probing(operations: Mapping[str, float], now: float) -> Details | None:
    """Tell of a key that tries what it may not do.

    Args:
        operations: Operation → when it was last refused to the key, in seconds.
        now: On the same clock.
    """
    tried = sorted(name for name, at in operations.items() if now - at < PROBING_S)
    if len(tried) < PROBES:
        return None
    why = f"{len(tried)} different operations were refused to this key within {PROBING_S / 60:g} minutes"
    return {"why": why, "operations": ", ".join(tried[:20])}


def usual_use(hours: Mapping[int, Use], now_s: int, days: int) -> list[Use]:
    """Return what was used at this time of day on each of the days before, counted from rows that hold an hour each.

    The window may lie across two hours: of each its share is taken.

    Args:
        hours: Use by the start of the hour, in seconds since 1970 UTC; what is not there was not used.
        now_s: When the window ends, likewise.
        days: How many days back.
    """
    return [_in_window(hours, now_s - day * DAY_S) for day in range(1, days + 1)]


def usage_spike(window: Use, usual: Sequence[Use], floor: Use) -> Details | None:
    """Tell of a key that uses many times more than at this time of the day.

    Args:
        window: The last ``SPIKE_WINDOW_S``.
        usual: As many seconds at this time of the days before, for as long as there has been a key.
        floor: What is never worth a word, however little is usual.
    """
    if len(usual) < SPIKE_DAYS_KNOWN:
        return None
    tokens = int(median(one.tokens for one in usual))
    cost = int(median(one.cost_nano_usd for one in usual))
    found: Details = {}
    if window.cost_nano_usd > max(floor.cost_nano_usd, SPIKE_FACTOR * cost):
        found = {"cost_usd": format_usd(window.cost_nano_usd), "usual_cost_usd": format_usd(cost)}
    if window.tokens > max(floor.tokens, SPIKE_FACTOR * tokens):
        found |= {"tokens": str(window.tokens), "usual_tokens": str(tokens)}
    if not found:
        return None
    why = f"more than {SPIKE_FACTOR} times the median of this half hour over {len(usual)} days, and over the floor"
    return {"why": why, **found}


def dearer_model(model: str, prices: Mapping[str, int], known: Sequence[str]) -> Details | None:
    """Tell of a model that a key has never used and that costs more than all it has.

    Args:
        model: The new one.
        prices: Model → what a million tokens of input and a million of output cost together, in nano-dollars.
        known: The models that the key has used; without any, its first one is no surprise.
    """
    price = prices.get(model)
    before = [(prices[one], one) for one in known if one in prices]
    if price is None or not before:
        return None
    dearest, named = max(before)
    if price <= dearest:
        return None
    return {
        "why": "this key never used this model, and it is dearer than all that it did",
        "model": model,
        "usd_per_million": format_usd(price),
        "dearest_before": named,
        "its_usd_per_million": format_usd(dearest),
    }


def wake_up(idle_s: int) -> Details | None:
    """Tell of a key that was not used for so many seconds, and now is."""
    if idle_s < IDLE_S:
        return None
    return {"why": "this key is used again after a long rest", "idle_days": str(idle_s // DAY_S)}


def failing(recent: Outcomes, before: Outcomes) -> Details | None:
    """Tell of a key most of whose requests fail now and succeeded before.

    Args:
        recent: The last ``FAILING_WINDOW_S``.
        before: The day before that.
    """
    if min(recent.succeeded + recent.failed, before.succeeded + before.failed) < FAILING_REQUESTS:
        return None
    if recent.percent >= COLLAPSED_PERCENT or before.percent < USUAL_SUCCESS_PERCENT:
        return None
    return {
        "why": f"most of its requests in the last {FAILING_WINDOW_S // 60} minutes failed",
        "succeeded": f"{recent.percent} %",
        "usual": f"{before.percent} %",
        "requests": str(recent.succeeded + recent.failed),
    }


def throttle_rate(hours: Sequence[int], at_least: int) -> int:
    """Return how many requests a minute a throttled key keeps: what it makes in all but its busiest hours (p95).

    Args:
        hours: Requests in each hour in which there were some.
        at_least: Never fewer than this.
    """
    if not hours:
        return at_least
    p95 = sorted(hours)[(len(hours) * 95 - 1) // 100]
    return max(at_least, -(-p95 // 60))


def _in_window(hours: Mapping[int, Use], end_s: int) -> Use:
    begin_s = end_s - SPIKE_WINDOW_S
    first = begin_s // HOUR_S * HOUR_S
    tokens = cost = 0
    for hour in (first, first + HOUR_S):
        share_s = min(end_s, hour + HOUR_S) - max(begin_s, hour)
        used = hours.get(hour)
        if used is not None and share_s > 0:
            tokens += used.tokens * share_s
            cost += used.cost_nano_usd * share_s
    return Use(tokens // HOUR_S, cost // HOUR_S)
