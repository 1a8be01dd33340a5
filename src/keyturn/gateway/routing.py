"""What one worker knows of where requests go: who is well, who has room, and which credential is used there.

It outlives changes of the configuration: a target that is down is still down when somebody has named another model.
Room is the worker's equal share of what the operator allows: nobody is asked before a request goes out.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from keyturn import bus, system
from keyturn.config.sections import Routing as Settings
from keyturn.domain import routing
from keyturn.domain.models import Target
from keyturn.domain.routing import WELL, Asked, Health, Rules
from keyturn.domain.secret import REDACTED
from keyturn.domain.windows import SlidingWindow
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.hosts import COMPATIBLE

MINUTE_S = 60.0
LOOK_AGAIN_S = 0.05
"""How long a request waits before it looks whether another one has ended; half of it is left to chance."""
LEAST_REST_S = 1.0
"""How long a credential is not used that was told to wait without being told how long."""


class Head:
    """What follows the first line of a request, up to what varies, with the credential that is used now.

    It is the same object as long as its upstream is there, so that ways can keep it.
    """

    __slots__ = ("every", "lines")

    lines: bytes
    every: tuple[bytes, ...]
    """With each of the credentials."""


class UpstreamState:
    """An upstream as this worker sees it.

    Attributes:
        who: The provider.
        credential: The place of the credential that is used now.
        secret: That credential, in the clear; empty: none is needed.
        under_way: Requests that are there.
        limited: There may be no room.
    """

    __slots__ = (
        "_heads",
        "_most",
        "_per_minute",
        "_rests_until",
        "_secrets",
        "_window",
        "_withheld",
        "credential",
        "limited",
        "secret",
        "under_way",
        "upstream",
        "who",
    )

    def __init__(self, upstream: bus.Upstream, workers: int) -> None:
        self.who = PROVIDERS.get(upstream.provider, COMPATIBLE)
        self._heads: dict[str, Head] = {}
        self.under_way = 0
        self._secrets: tuple[bytes, ...] = ()
        self._window = SlidingWindow(MINUTE_S)
        self.change(upstream, workers)

    def change(self, upstream: bus.Upstream, workers: int) -> None:
        """Stand for an upstream as it is now; ``workers`` share what there is room for."""
        self.upstream = upstream
        self._most = _share(upstream.max_concurrency, workers)
        self._per_minute = _share(upstream.requests_per_minute, workers)
        self.limited = bool(self._most or self._per_minute)
        secrets = _secrets_of(upstream, signs=self.who.signs)
        # Those of before, too: requests are under way with them.
        self._withheld = tuple(dict.fromkeys((*secrets, *self._secrets)))
        self._secrets = secrets
        self._rests_until = [0.0] * len(upstream.every_credential)
        for operation, head in self._heads.items():
            head.every = self._lines(operation)
        self._use(0)

    # ── room ────────────────────────────────────────────────────────────────

    def wait_s(self, now: float, draw: float) -> float:
        """Return how long to wait for room; 0: there is some, and with a rate it is taken."""
        if self._most and self.under_way >= self._most:
            return LOOK_AGAIN_S * (0.5 + draw / 2)
        if self._per_minute:
            window = self._window
            cell = window.advance(now)
            wait_s = window.wait(1, self._per_minute, now)
            if wait_s:
                return wait_s + draw * window.cell_s
            window.add(cell, 1)
        return 0.0

    # ── credentials ─────────────────────────────────────────────────────────

    def rest(self, credential: int, now: float, for_s: float) -> int:
        """Leave a credential alone for a while, and use another one; return how many may be used now."""
        rests = self._rests_until
        if credential < len(rests):
            rests[credential] = now + max(LEAST_REST_S, for_s)
        usable = [index for index, until in enumerate(rests) if until <= now]
        if rests[self.credential] > now:
            self._use(usable[0] if usable else rests.index(min(rests)))
        return len(usable)

    @property
    def credentials(self) -> int:
        """How many there are."""
        return len(self._rests_until)

    def _use(self, credential: int) -> None:
        self.credential, self.secret = credential, self.upstream.every_credential[credential]
        for head in self._heads.values():
            head.lines = head.every[credential]

    def head(self, operation: str) -> Head:
        """Return what follows the first line of a request, by the name of the client's operation."""
        head = self._heads.get(operation)
        if head is None:
            head = self._heads[operation] = Head()
            head.every = self._lines(operation)
            head.lines = head.every[self.credential]
        return head

    def _lines(self, operation: str) -> tuple[bytes, ...]:
        who, host = self.who, ("host", urlsplit(self.upstream.base_url).netloc)
        found = []
        for credential in self.upstream.every_credential:
            headers = (host,) if who.signs else (host, *who.headers(credential, operation))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            found.append(f" HTTP/1.1\r\n{lines}".encode())
        return tuple(found)

    def withhold(self, text: bytes) -> bytes:
        """Take our credentials out of what a provider says about them."""
        for one in self._withheld:
            text = text.replace(one, REDACTED.encode())
        return text


class Standing:
    """How a target is doing; forgotten with the last route that leads there."""

    __slots__ = ("__weakref__", "health")

    def __init__(self) -> None:
        self.health: Health = WELL


class Routing:
    """Of all upstreams and targets of a worker."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """Take in how hard to try, and with how many workers room is shared."""
        self.rules = Rules(
            retries=settings.retries,
            deadline_s=settings.deadline_s,
            back_off_s=settings.back_off_s,
            longest_wait_s=settings.longest_wait_s,
            cool_after=settings.cool_after,
            cool_down_s=settings.cool_down_s,
            longest_cool_down_s=settings.longest_cool_down_s,
        )
        self.credential_rest_s = settings.credential_rest_s
        self._workers = workers
        self._states: dict[str, UpstreamState] = {}
        self._standings: WeakValueDictionary[tuple[str, str], Standing] = WeakValueDictionary()

    def apply(self, upstreams: dict[str, bus.Upstream]) -> None:
        """Take up the upstreams as they are now."""
        states = {}
        moved = set()
        for name, upstream in upstreams.items():
            state = self._states.get(name)
            if state is None or _place(state.upstream) != _place(upstream):
                # Another one even under the old name: who is under way to the old place must not take a credential there.
                moved.add(name)
                state = UpstreamState(upstream, self._workers)
            elif state.upstream != upstream:
                state.change(upstream, self._workers)
            states[name] = state
        self._states = states
        # What is somewhere else now, or has come back, is as good as new.
        for where in list(self._standings):
            if where[0] not in states or where[0] in moved:
                del self._standings[where]

    def state(self, upstream: str) -> UpstreamState:
        """Return what is known of an upstream that is configured."""
        return self._states[upstream]

    def standing(self, target: Target) -> Standing:
        """Return how a target is doing; all routes that lead there share it."""
        where = target.upstream, target.model
        standing = self._standings.get(where)
        if standing is None:
            standing = self._standings[where] = Standing()
        return standing

    def order(self, targets: Sequence[Target], standings: Sequence[Standing], asked: Asked) -> list[int]:
        """Return the places of the targets that take a request, in order."""
        return routing.order_targets(
            [one.terms for one in targets],
            asked,
            [one.health for one in standings],
            system.monotonic(),
            system.draw,
        )

    def failed(self, standing: Standing, retry_after_s: float | None, now: float) -> None:
        """Note a failure of a target."""
        standing.health = routing.failed(
            standing.health, self.rules, now=now, retry_after_s=retry_after_s, draw=system.draw()
        )


def _share(limit: int, workers: int) -> int:
    return max(1, limit // workers) if limit else 0


def _place(upstream: bus.Upstream) -> tuple[str, str]:
    return upstream.base_url, upstream.provider


def _secrets_of(upstream: bus.Upstream, *, signs: bool) -> tuple[bytes, ...]:
    """Return what must not be seen of an upstream's credentials; of one that signs, its parts but the first."""
    found: list[str] = []
    for credential in upstream.every_credential:
        found += credential.split(":")[1:] if signs and ":" in credential else [credential]
    return tuple(one.encode() for one in dict.fromkeys(found) if one)
