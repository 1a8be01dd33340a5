"""Limits: how much of something may be used within a window, for a key, a project, an account or a plan.

A limit is what an operator writes down. A bound is a limit as it meets a request: with the counter it is counted on,
which a key, the keys of a project, or all keys of an account share.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from keyturn.domain.money import LARGEST_USD, NANO_PER_USD, format_usd
from keyturn.domain.restrictions import allows_name, is_pattern

LARGEST = 10**15 - 1
"""The largest ``max`` of what is no money: an integer in a header has at most fifteen digits (RFC 9651 3.3.1)."""
LARGEST_NANO_USD = LARGEST_USD * NANO_PER_USD
MOST_LIMITS = 32
"""Limits that one owner may have."""


class Metric(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    """Input and output together."""
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost_usd"
    """Counted in nano-dollars."""
    CONCURRENCY = "concurrency"
    """Requests that are under way at one moment; has no window."""


METRICS = tuple(Metric)
"""In the order in which what a request needs is written down."""


class Window(StrEnum):
    """Over which time it is counted."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"
    NONE = ""
    """Concurrency: only the moment counts."""
    CREDIT = "credit"
    """What is left of prepaid credit; nobody writes such a limit down, a prepaid account has it."""


WINDOW_S = {Window.SECOND: 1, Window.MINUTE: 60, Window.HOUR: 3_600}
"""The length of rates, in seconds: these slide. Every other window follows the calendar, or never begins anew."""


class Scope(StrEnum):
    """Whose limit it is."""

    KEY = "key"
    PROJECT = "project"
    ACCOUNT = "account"
    PLAN = "plan"
    """Written down once, counted for each account that has the plan."""


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operator allows.

    Attributes:
        metric: What is counted.
        window: Over which time.
        max: How much, at most; money in nano-dollars. Zero allows nothing.
        model: A pattern with ``*``; empty: every model, counted together.
        shadow: Counted, and told when it is passed, but nothing is refused.
        raised_max: Stands for ``max`` until ``raised_until``; ``None``: it is not raised.
        raised_until: Seconds since 1970 UTC.
        until: When it ends, in seconds since 1970 UTC: from then on it allows everything; 0: never.
    """

    metric: Metric
    window: Window
    max: int
    model: str = ""
    shadow: bool = False
    raised_max: int | None = None
    raised_until: float = 0.0
    until: float = 0.0

    def max_at(self, now: float) -> int:
        """Return how much is allowed at ``now``, in seconds since 1970 UTC."""
        if self.until and now >= self.until:
            return LARGEST_NANO_USD if self.metric is Metric.COST else LARGEST
        return self.raised_max if self.raised_max is not None and now < self.raised_until else self.max

    @property
    def subject(self) -> tuple[Metric, Window, str]:
        """What no two limits of one owner share."""
        return self.metric, self.window, self.model


class Bound(msgspec.Struct, frozen=True, array_like=True):
    """A limit as it meets a request.

    Attributes:
        owner_id: Whose counter it is: a key, project or account.
        scope: Whose limit it is; a plan's is counted for the account.
        limit: What is allowed.
        zone: The account's time zone, an IANA name: where its days and months begin.
        counter: The name of the counter, the same in every worker and through every change of the limit's size; made
            of the others.
    """

    owner_id: str
    scope: Scope
    limit: Limit
    zone: str = "UTC"
    counter: str = ""

    def __post_init__(self) -> None:
        if not self.counter:
            limit = self.limit
            name = f"{self.owner_id} {self.scope} {limit.metric}/{limit.window} {limit.model}"
            msgspec.structs.force_setattr(self, "counter", name)

    @property
    def name(self) -> str:
        """What it is called in headers and errors, such as ``key requests/minute``."""
        limit = self.limit
        of_window = f"/{limit.window}" if limit.window else ""
        of_model = f" {limit.model}" if limit.model else ""
        return f"{self.scope} {limit.metric}{of_window}{of_model}"

    @property
    def is_money(self) -> bool:
        """Whether it is counted in nano-dollars."""
        return self.limit.metric is Metric.COST

    @property
    def is_rate(self) -> bool:
        """Whether its window slides."""
        return self.limit.window in WINDOW_S


class Crossing(msgspec.Struct, frozen=True):
    """A limit of which more than some share has been used.

    Attributes:
        bound: Which.
        percent: The highest threshold that was reached.
        used: How much was used by then.
        allowed: How much there is: the limit's ``max``, or all credit that was granted.
        at: Seconds since 1970 UTC.
        resets_at: When the window ends; ``None``: never, or it slides.
    """

    bound: Bound
    percent: int
    used: int
    allowed: int
    at: float
    resets_at: float | None


CREDIT = Limit(Metric.COST, Window.CREDIT, 0)
"""What a prepaid account is held to; how much there is, the ledger says."""

NO_LIMITS = "[]"
_decoder = msgspec.json.Decoder(tuple[Limit, ...])


def read_limits(text: str) -> tuple[Limit, ...]:
    """Return limits from the JSON they are kept as."""
    return () if text == NO_LIMITS else _decoder.decode(text)


def write_limits(limits: Sequence[Limit]) -> str:
    """Return limits as the JSON they are kept as, in a fixed order."""
    return msgspec.json.encode(sorted(limits, key=lambda one: one.subject)).decode()


def problem_with(limits: Sequence[Limit], now: float) -> tuple[str, str] | None:
    """Return the member of a list of limits that makes no sense, as a path inside it, and why; ``None``: all do.

    Args:
        limits: As they were asked for.
        now: Seconds since 1970 UTC.
    """
    if len(limits) > MOST_LIMITS:
        return "", f"There can be {MOST_LIMITS} limits at most"
    seen = set()
    for number, limit in enumerate(limits):
        member = _problem_with(limit, now)
        if member is not None:
            return f"[{number}].{member[0]}", member[1]
        if limit.subject in seen:
            return f"[{number}]", "There is another limit with this metric, window and model; name it once"
        seen.add(limit.subject)
    return None


def _problem_with(limit: Limit, now: float) -> tuple[str, str] | None:
    if limit.window is Window.CREDIT:
        return "window", "Credit is granted, not limited; see the account's credit"
    if (limit.metric is Metric.CONCURRENCY) != (limit.window is Window.NONE):
        wanted = "Concurrency has no window" if limit.window else "Name a window, such as minute or month"
        return "window", wanted
    largest = LARGEST_NANO_USD if limit.metric is Metric.COST else LARGEST
    if not 0 <= limit.max <= largest:
        return "max", f"What is allowed is an amount from 0 to {shown(limit.metric, largest)}"
    if limit.model and not is_pattern(limit.model):
        return "model", "A pattern is up to 200 visible ASCII characters, such as gpt-*"
    return _problem_with_ends(limit, largest, now)


def _problem_with_ends(limit: Limit, largest: int, now: float) -> tuple[str, str] | None:
    if limit.until and limit.until <= now:
        return "until", "A limit ends in the future"
    if limit.raised_max is None:
        return None
    if not limit.max < limit.raised_max <= largest:
        most = shown(limit.metric, largest)
        return "raise.max", f"A raised limit allows more than the limit itself, up to {most}"
    if limit.raised_until <= now:
        return "raise.until", "A raise ends in the future"
    return None


def shown(metric: Metric, amount: int) -> str:
    """Return an amount as people and the API write it: money in dollars, everything else as it is counted."""
    return format_usd(amount) if metric is Metric.COST else str(amount)


def loosened(before: Sequence[Limit], after: Sequence[Limit], now: float) -> bool:
    """Say whether somebody held to ``after`` could at some time from ``now`` on do what ``before`` would not let them.

    It errs on the safe side: a limit is only made up for by one of the same metric and window, for the same models
    or more. What only counts holds nobody.

    Args:
        before: The limits to be kept to.
        after: The limits that are to take their place.
        now: Seconds since 1970 UTC.
    """
    enforced = [limit for limit in after if not limit.shadow]
    return not all(
        any(_holds_to(inner, outer, now) for inner in enforced) for outer in before if not outer.shadow
    )


def _holds_to(inner: Limit, outer: Limit, now: float) -> bool:
    if (inner.metric, inner.window) != (outer.metric, outer.window):
        return False
    if inner.model and not (outer.model and allows_name((inner.model,), outer.model)):
        return False
    # Both only ever fall but where they end, so it is enough to compare now, where the outer one falls, and where the
    # inner one ends.
    times = (now, max(now, outer.raised_until), max(now, inner.until))
    return all(inner.max_at(at) <= outer.max_at(at) for at in times)
