"""What all exchanges of a worker share: the configuration as the control process sent it, keys, journal, counters."""

import math
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from keyturn import bus, system
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Settings
from keyturn.dialects.help import NO_HELP
from keyturn.domain.base62 import encode
from keyturn.domain.models import STAR, Starred, Target
from keyturn.domain.refusals import Reason
from keyturn.gateway.attempts import Attempts
from keyturn.gateway.bodies import Bodies
from keyturn.gateway.counters import Counters
from keyturn.gateway.failures import Failures
from keyturn.gateway.gate import Places
from keyturn.gateway.guesses import Guesses
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.leases import Later, Leases
from keyturn.gateway.notices import Notices, Send
from keyturn.gateway.origin import Origin
from keyturn.gateway.refused import Refusals
from keyturn.gateway.relay import Pool
from keyturn.gateway.route import Route
from keyturn.gateway.routing import Routing
from keyturn.gateway.uses import Uses
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.hosts import COMPATIBLE
from keyturn.system import Tasks

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"expect",
    }
)
"""What does not travel between a client and the control process (RFC 9110 7.6.1), and framing of our own."""
WITHHELD_HERE = HOP_BY_HOP | {b"x-request-id"}
"""What the control process answers and a worker says itself."""
MATCHED = 2_000
"""Names that stand for one with a star and are remembered."""
NAME_LENGTH = 200


class Watch(Protocol):
    """A stream of the control process that goes on until somebody ends it."""

    def end(self) -> None:
        """End it."""
        ...


class Session(Protocol):
    """A WebSocket with two ends, as the plane sees it."""

    def sweep(self) -> None:
        """Let time pass."""

    def go_away(self) -> None:
        """End: the worker does."""


class Plane:
    """The state of one worker's data plane."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        keys: KeyCache,
        *,
        control_socket: Path,
        tasks: Tasks,
        send: Send,
        later: Later,
        workers: int = 1,
    ) -> None:
        """Put it together.

        Args:
            settings: The node's.
            journal: Where usage is noted.
            keys: What is known of keys.
            control_socket: Where everything that is not model traffic goes.
            tasks: Run what connects.
            send: Sends a message to the control process; ``False`` when it can't be sent.
            later: Calls something after so many seconds: the loop's ``call_later``.
            workers: How many of them the node has: what there is room for is shared among them.
        """
        self.journal = journal
        self.keys = keys
        self.counters = Counters()
        self.routing = Routing(settings.routing, workers)
        self.later = later
        self._lead({})
        self.places = Places(frozenset())
        self.foreign_shapes: frozenset[tuple[str, int]] = frozenset()
        self.key_headers = tuple(name.lower().encode() for name in settings.auth.headers)
        self.anonymous = False
        """Calls of models need no key."""
        self.support = NO_HELP
        self.refuses_unpriced = settings.prices.unknown == "refuse"
        """A model without a price is not served."""
        self.takes_headers = False
        """A lone ``Authorization`` header can be decided at once: no other header may carry a key."""
        self.failures = Failures(settings.auth.failures_per_minute)
        self.guesses = Guesses()
        self.notices = Notices(send)
        self.leases = Leases(send, system.monotonic, later)
        self.attempts = Attempts(send, system.monotonic)
        self.bodies = Bodies(send)
        self.uses = Uses(journal)
        self.refusals = Refusals(journal)
        self.sessions: set[Session] = set()
        """WebSockets that stand."""
        # ``watches`` are streams of the control process: they end with it or with this worker, not by themselves.
        self.open_streams, self.watches = 0, set[Watch]()
        self.ready = False
        self._settings = settings.relay
        self.tasks = tasks
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._tls: ssl.SSLContext | None = None
        self.control = Pool(
            Origin("control process", path=str(control_socket)), settings.relay, tasks, WITHHELD_HERE
        )
        self._run = encode(int.from_bytes(system.random_bytes(8), "big"), 5)
        self._requests = 0
        self._next_price_ms: float = math.inf
        """When some price changes."""
        self._log = structlog.get_logger()
        self.tick()

    def tick(self) -> None:
        """Refresh what is derived from the wall clock; called about twice a second."""
        self._stem = "req_" + encode(system.now_ms(), 7) + self._run
        self.wall = system.wall_offset()
        """Add it to ``system.monotonic()`` for seconds since 1970 UTC."""

    def next_request_id(self) -> str:
        """Mint the id of a request: in order of time to within a tick, unique to this worker."""
        self._requests += 1
        return f"{self._stem}{self._requests:08x}"

    def apply(self, snapshot: bus.Snapshot) -> None:
        """Take up a configuration; exchanges under way end with the one they began with."""
        self.keys.clear(snapshot.sequence)
        self.places = Places(snapshot.locations, self.key_headers)
        self.anonymous, self.support = snapshot.anonymous, snapshot.support
        self.foreign_shapes = snapshot.foreign_shapes
        self.takes_headers = "header" in snapshot.locations and not self.key_headers
        upstreams = snapshot.upstreams
        # A credential may be another every hour: the connections stay.
        pools = {
            _place(one): self._pools.pop(_place(one)) if _place(one) in self._pools else self._pool(one)
            for one in upstreams.values()
        }
        for gone in self._pools.values():
            gone.close()
        self._pools = pools
        self.routing.apply(upstreams)
        targets = {
            model: (target, *snapshot.others.get(model, ()))
            for model, target in snapshot.models.items()
            if target.upstream in upstreams
        }
        self._lead(targets)
        self._price(system.now_ms())
        self.ready = True

    def _lead(self, targets: dict[str, tuple[Target, ...]]) -> None:
        """Make routes of the targets of models."""
        self._starred = Starred(targets)
        self._starred_targets = {name: found for name, found in targets.items() if STAR in name}
        self._matched: dict[str, Route] = {}
        self.routes = {name: self._route(found) for name, found in targets.items() if STAR not in name}

    def _route(self, targets: Sequence[Target]) -> Route:
        routes = []
        for one in targets:
            state = self.routing.state(one.upstream)
            routes.append(Route(one, self._pools[_place(state.upstream)], state, self.routing.standing(one)))
        return Route.joined(routes)

    def match(self, model: str) -> Route | None:
        """Return the route of a model that has no name of its own, by a name with a star; ``None``: there is none."""
        route = self._matched.get(model)
        if route is not None:
            return route
        # What a client has written goes to the provider and into headers and the journal.
        if len(model) > NAME_LENGTH or not (model.isascii() and model.isprintable()) or " " in model:
            return None
        found = self._starred.find(model)
        if found is None:
            return None
        if len(self._matched) >= MATCHED:
            self._matched.clear()
        route, changes_ms = self._route(
            [one.at(found[1]) for one in self._starred_targets[found[0]]]
        ).priced_at(system.now_ms())
        self._matched[model] = route
        self._next_price_ms = min(self._next_price_ms, changes_ms)
        return route

    def _price(self, now_ms: int) -> None:
        """Give each route the price in force, and note when the next one begins."""
        changes = [math.inf]
        for routes in (self.routes, self._matched):
            for model, route in routes.items():
                routes[model], change_ms = route.priced_at(now_ms)
                changes.append(change_ms)
        self._next_price_ms = min(changes)

    def _pool(self, upstream: bus.Upstream) -> Pool:
        url = urlsplit(upstream.base_url)
        host = url.hostname or ""
        secure = url.scheme == "https"
        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        origin = Origin(
            upstream.name,
            host=host,
            port=url.port or (443 if secure else 80),
            tls=self._tls if secure else None,
            proxy=proxy_for(upstream.base_url, self._settings),
        )
        who = PROVIDERS.get(upstream.provider, COMPATIBLE)
        return Pool(origin, self._settings, self.tasks, who.withheld)

    def report_failure(self, request_id: str, upstream: str, reason: Reason, detail: str) -> None:
        """Log what a provider did."""
        self._log.warning(
            "upstream failed", request_id=request_id, upstream=upstream, reason=reason.value, detail=detail
        )

    def sweep(self, now: float) -> None:
        """Let time pass for connections and questions; called about twice a second with the loop's time."""
        self.tick()
        now_ms = system.now_ms()
        if now_ms >= self._next_price_ms:
            self._price(now_ms)
        self.keys.sweep(now)
        self.control.sweep(now)
        self.notices.flush()
        self.leases.sweep()
        self.attempts.sweep()
        for session in list(self.sessions):
            session.sweep()
        for pool in self._pools.values():
            pool.sweep(now)

    def end_watches(self) -> None:
        """End what the control process streams: it would hold up the end of this worker."""
        for watch in list(self.watches):
            watch.end()

    def end_sessions(self) -> None:
        """Tell those who have a WebSocket that this worker goes."""
        for session in list(self.sessions):
            session.go_away()

    def close(self) -> None:
        """Keep no connection."""
        self.control.close()
        for pool in self._pools.values():
            pool.close()


def _place(upstream: bus.Upstream) -> tuple[str, str, str]:
    """Return what a pool of connections is kept by."""
    return upstream.name, upstream.base_url, upstream.provider
