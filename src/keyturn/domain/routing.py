"""Which target a request goes to, and what comes after an attempt that has failed.

Theory. A model has targets. Those whose conditions a request meets are put in order once: by priority, by lot among
equals according to weight, and those that have failed of late behind all others. The request goes to the first. What
follows a failed attempt, before the client has got a byte:

| the provider                         | first                        | then             | counts against the target |
|--------------------------------------|------------------------------|------------------|---------------------------|
| can't be reached, dies, 408, 5xx     | the same again, after a while| the next target  | yes                       |
| says 409                             | the same again, after a while| the next target  | no                        |
| says 429                             | its next credential          | the next target; the only one again, after a while | yes |
| says 401 or 403 of our credential    | its next credential          | the next target  | yes                       |
| says 404: it has no such model       | the next target              |                  | no                        |
| has no room by the operator's limits | the next target              | the only one again, after a while | no       |
| says anything else                   | that is the answer           |                  | no                        |

The health of a target: well → (failures in a row) → cooling down → one request tries it → well, or cooling for longer.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum

import msgspec


class When(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which requests a target takes; what is not said does not matter."""

    stream: bool | None = None
    """Only those whose answer is streamed, or only the others."""
    operations: tuple[str, ...] = ()
    """Names of operations: ``chat``, ``embeddings``, …"""
    min_input_tokens: int = 0
    """By estimate: a quarter of the body's bytes."""
    max_input_tokens: int = 0
    """0: any number."""
    projects: tuple[str, ...] = ()
    """Ids of projects that the key belongs to one of."""
    environments: tuple[str, ...] = ()
    """Of the key."""


ALWAYS = When()


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What conditions are about."""

    stream: bool
    operation: str
    input_tokens: int
    project_id: str = ""
    environment: str = ""


class Terms(msgspec.Struct, frozen=True):
    """How a target takes part."""

    priority: int = 0
    """Smaller goes first."""
    weight: int = 1
    """Its share among targets of one priority; 0: only when the others have failed."""
    when: When = ALWAYS


def takes(when: When, asked: Asked) -> bool:
    """Say whether a target with these conditions takes a request."""
    return (
        (when.stream is None or when.stream is asked.stream)
        and (not when.operations or asked.operation in when.operations)
        and asked.input_tokens >= when.min_input_tokens
        and (not when.max_input_tokens or asked.input_tokens <= when.max_input_tokens)
        and (not when.projects or asked.project_id in when.projects)
        and (not when.environments or asked.environment in when.environments)
    )


def order_targets(
    targets: Sequence[Terms], asked: Asked, health: Sequence["Health"], now: float, draw: Callable[[], float]
) -> list[int]:
    """Return which targets a request goes to, as indexes, the first one first.

    Args:
        targets: All of the model.
        asked: The request.
        health: Of the targets.
        now: Seconds on the clock of ``health``.
        draw: Returns a number from 0 up to 1 by lot.

    Returns:
        All whose conditions it meets; none: nobody takes it. Those that cool down come last, the one first that will be
        tried again soonest: the error of a provider says more than one of ours.
    """
    taking = [index for index, terms in enumerate(targets) if takes(terms.when, asked)]
    if len(taking) < 2:
        return taking
    well = [index for index in taking if may_try(health[index], now)]
    # The greatest u ** (1 / weight) is that of each target with the chance weight / sum of weights, and so among the rest
    # (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
    lots = {index: _lot(draw(), targets[index].weight) for index in well}
    well.sort(key=lambda index: (targets[index].priority, -lots[index]))
    ill = sorted((index for index in taking if index not in lots), key=lambda index: health[index].until)
    return well + ill


def _lot(draw: float, weight: int) -> float:
    return (1.0 - draw) ** (1.0 / weight) if weight else -1.0


# ── what comes after a failed attempt ───────────────────────────────────────


class Failure(IntEnum):
    """How an attempt has failed."""

    PASSING = 1
    """Another try may do: it can't be reached, it died, 408, 5xx."""
    CONFLICT = 2
    """409: something else is under way there."""
    LIMITED = 3
    """429."""
    CREDENTIAL = 4
    """401 or 403: what is wrong is ours, not the caller's."""
    MISSING = 5
    """404."""
    BUSY = 6
    """The operator's own limits of the upstream leave no room."""


_RETRIED = frozenset({Failure.PASSING, Failure.CONFLICT, Failure.LIMITED, Failure.BUSY})
_WAITED_FOR = frozenset({Failure.LIMITED, Failure.BUSY})
"""Waiting is for those who have nowhere else to go."""
COUNTED = frozenset({Failure.PASSING, Failure.LIMITED, Failure.CREDENTIAL})
"""What counts against the health of a target."""
_RENEWED = frozenset({Failure.LIMITED, Failure.CREDENTIAL})
_BY_STATUS = {
    401: Failure.CREDENTIAL,
    403: Failure.CREDENTIAL,
    404: Failure.MISSING,
    408: Failure.PASSING,
    409: Failure.CONFLICT,
    429: Failure.LIMITED,
}


def failure_of(status: int) -> Failure | None:
    """Return what a status of a provider means here; ``None``: it is an answer."""
    return Failure.PASSING if status >= 500 else _BY_STATUS.get(status)


class Rules(msgspec.Struct, frozen=True):
    """How hard it is tried. Times are seconds."""

    retries: int = 1
    """On one target, beside its first attempt."""
    deadline_s: float = 30.0
    """No attempt begins later than this after the request."""
    back_off_s: float = 0.25
    """Before the first retry; doubles with each."""
    longest_wait_s: float = 5.0
    """What is to be waited for longer is not waited for."""
    cool_after: int = 3
    """Failures in a row."""
    cool_down_s: float = 5.0
    """The first time; doubles with each."""
    longest_cool_down_s: float = 120.0


class Retry(msgspec.Struct, frozen=True):
    """Try the same target again."""

    after_s: float


class Renew(msgspec.Struct, frozen=True):
    """Try the same target again, at once, with its next credential."""


class Fallback(msgspec.Struct, frozen=True):
    """Try the next target, at once."""


class GiveUp(msgspec.Struct, frozen=True):
    """What there is, is the answer."""


Step = Retry | Renew | Fallback | GiveUp
RENEW, FALLBACK, GIVE_UP = Renew(), Fallback(), GiveUp()


class Course(msgspec.Struct, frozen=True):
    """How far a request has come.

    Attributes:
        tries: Attempts on this target so far, those that a retry may be made for.
        targets_left: How many more targets there are.
        credentials_left: How many more of this target's credentials may be tried.
        cooling: The target has failed so often that it gets one attempt only.
    """

    tries: int
    targets_left: int = 0
    credentials_left: int = 0
    cooling: bool = False


def next_step(
    failure: Failure,
    course: Course,
    rules: Rules,
    *,
    left_s: float,
    retry_after_s: float | None,
    draw: float,
) -> Step:
    """Say what comes after a failed attempt.

    Args:
        failure: How it has failed.
        course: What was tried.
        rules: How hard to try.
        left_s: How long an attempt may still begin.
        retry_after_s: What the provider says is to be waited, not negative.
        draw: From 0 up to 1, by lot: many requests that have failed together must not come back together.
    """
    if left_s <= 0:
        return GIVE_UP
    if failure in _RENEWED and course.credentials_left:
        return RENEW
    elsewhere = course.targets_left > 0
    if failure in _RETRIED and not (elsewhere and failure in _WAITED_FOR):
        wait_s = wait(course.tries, rules, retry_after_s, draw)
        # For room of our own making there is no number of tries: whoever waits asks nobody.
        tired = failure is not Failure.BUSY and (course.cooling or course.tries > rules.retries)
        if not tired and wait_s <= rules.longest_wait_s and wait_s < left_s:
            return Retry(wait_s)
    return FALLBACK if elsewhere else GIVE_UP


def wait(tries: int, rules: Rules, retry_after_s: float | None, draw: float) -> float:
    """Return how long to wait before a retry: what the provider says and a little more, or longer each time."""
    if retry_after_s:
        return retry_after_s + draw * min(rules.back_off_s, retry_after_s / 4)
    return min(rules.back_off_s * 2.0 ** min(tries - 1, 16), rules.longest_wait_s) * (0.5 + draw / 2)


# ── health ──────────────────────────────────────────────────────────────────


class Health(msgspec.Struct, frozen=True):
    """What is known of a target. Times are seconds on any clock that goes forward.

    Attributes:
        failures: In a row.
        cooled: How often in a row it has had to cool down.
        until: When it may be tried again; 0: it does not cool down.
        probed_at: When a request was sent to try it; 0: none is under way.
    """

    failures: int = 0
    cooled: int = 0
    until: float = 0.0
    probed_at: float = 0.0


WELL = Health()
PROBE_S = 30.0
"""How long others wait for the request that tries a target; it may have been ended by its client."""


def may_try(health: Health, now: float) -> bool:
    """Say whether requests go to a target as usual, or one goes there to try it."""
    if now < health.until:
        return False
    return not health.probed_at or now - health.probed_at >= PROBE_S


def tried(health: Health, now: float) -> Health:
    """Note that a request goes there: of one that has cooled down, it is the only one for now."""
    if health.until and may_try(health, now):
        return msgspec.structs.replace(health, probed_at=now)
    return health


def succeeded(health: Health, now: float) -> Health:
    """Note an answer: a late one of the time before does not end a cool-down."""
    return health if now < health.until else WELL


def failed(health: Health, rules: Rules, *, now: float, retry_after_s: float | None, draw: float) -> Health:
    """Note a failure that counts.

    A provider that says how long to wait is taken at its word at once. One that was being tried cools down for longer,
    up to the most. What fails while it cools down changes nothing: that is old news.
    """
    if now < health.until:
        return health
    failures = health.failures + 1
    if not retry_after_s and failures < rules.cool_after and not health.until:
        return Health(failures, health.cooled)
    cooled = health.cooled + 1
    usual_s = min(rules.cool_down_s * 2.0 ** min(cooled - 1, 16), rules.longest_cool_down_s)
    cool_s = min(retry_after_s, rules.longest_cool_down_s) if retry_after_s else usual_s * (1 + draw / 4)
    return Health(failures, cooled, now + cool_s)
