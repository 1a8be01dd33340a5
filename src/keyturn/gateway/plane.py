"""What all exchanges of a worker share: the configuration as the control process sent it, keys, journal, counters."""

import math
import ssl
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from keyturn import bus, system
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Settings
from keyturn.dialects.help import Help
from keyturn.domain.base62 import encode
from keyturn.domain.models import Target
from keyturn.domain.prices import PER_MILLION, PriceVersion, cost_nano_usd, next_step_ms, version_at
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import REDACTED
from keyturn.domain.usage import Usage
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
from keyturn.gateway.paths import Operation
from keyturn.gateway.refused import Refusals
from keyturn.gateway.relay import Origin, Pool
from keyturn.gateway.uses import Uses
from keyturn.gateway.ways import Way, find_way
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


class Route:
    """Where a model goes and what it costs: its target, the pool of connections and the ways there, worked out once.

    Never changed: when the price does, another one takes its place, so that a request ends at the price it began with.

    Attributes:
        priced: Somebody has said what the model costs.
        price_id: The version of the price; empty: none.
        by_token: Tokens have a price.
        output_cap: The most tokens that the model writes; 0: nobody knows.
        who: The provider.
        upstream: The connection to it.
    """

    __slots__ = (
        "_cached_extra",
        "_input",
        "_output",
        "_price",
        "_reasoning_extra",
        "_secrets",
        "_ways",
        "_write_extra",
        "by_token",
        "output_cap",
        "pool",
        "price_id",
        "priced",
        "target",
        "upstream",
        "who",
    )

    def __init__(
        self, target: Target, pool: Pool, upstream: bus.Upstream, version: PriceVersion | None
    ) -> None:
        self.target = target
        self.pool = pool
        self.upstream = upstream
        self.who = PROVIDERS.get(upstream.provider, COMPATIBLE)
        self.output_cap = target.output_cap
        self._ways: tuple[dict[str, Way | None], dict[str, Way | None]] = {}, {}
        self._secrets = _secrets_of(upstream, signs=self.who.signs)
        price = None if version is None else version.price
        self._price = price
        self.priced = price is not None
        self.price_id = "" if version is None else version.id
        self._input = self._output = self._cached_extra = self._write_extra = self._reasoning_extra = 0
        if price is not None:
            self._input, self._output = price.input_nano_usd, price.output_nano_usd
            self._cached_extra, self._write_extra = price.cached_extra, price.write_extra
            self._reasoning_extra = price.reasoning_extra
        self.by_token = bool(self._input or self._output)

    def at(self, version: PriceVersion | None) -> "Route":
        """Return the same route at another price."""
        return Route(self.target, self.pool, self.upstream, version)

    def way(self, operation: Operation, *, stream: bool) -> Way | None:
        """Return how an operation reaches the model; ``None``: it can't."""
        ways = self._ways[stream]
        try:
            return ways[operation.name]
        except KeyError:
            found = find_way(self.who, self.upstream, operation, self.target.model, stream=stream)
            ways[operation.name] = found
            return found

    def withhold(self, text: bytes) -> bytes:
        """Take our credentials out of what a provider says about them."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED.encode())
        return text

    def cost(
        self,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        reasoning_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> int:
        """Price tokens as ``domain.prices.cost_nano_usd`` does, from integers at hand; 0 when unpriced."""
        return -(
            -(
                input_tokens * self._input
                + output_tokens * self._output
                + cached_tokens * self._cached_extra
                + reasoning_tokens * self._reasoning_extra
                + cache_write_tokens * self._write_extra
            )
            // PER_MILLION
        )

    def ceiling(self, input_tokens: int, output_tokens: int) -> int:
        """Return the most that so many tokens can cost, whichever of them are cached, written or reasoning."""
        dearest_input = self._input + max(0, self._cached_extra, self._write_extra)
        dearest_output = self._output + max(0, self._reasoning_extra)
        return -(-(input_tokens * dearest_input + output_tokens * dearest_output) // PER_MILLION)

    def cost_of(self, usage: Usage) -> int:
        """Price all that was used, images, audio and spoken text, too; 0 when unpriced."""
        return 0 if self._price is None else cost_nano_usd(self._price, usage)

    def cost_of_units(self, usage: Usage) -> int:
        """Price what is not tokens."""
        return self.cost_of(Usage(images=usage.images, audio_ms=usage.audio_ms, characters=usage.characters))

    def counted(self, usage: Usage) -> Usage:
        """Return what counts of what a request may use: no tokens, where the model is sold by the piece only."""
        if self.by_token or not self.priced:
            return usage
        return Usage(images=usage.images, audio_ms=usage.audio_ms, characters=usage.characters)


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
        """
        self.journal = journal
        self.keys = keys
        self.counters = Counters()
        self.routes: dict[str, Route] = {}
        self.places = Places(frozenset())
        self.foreign_shapes: frozenset[tuple[str, int]] = frozenset()
        self.key_headers = tuple(name.lower().encode() for name in settings.auth.headers)
        self.anonymous = not settings.auth.required
        self.support = Help(settings.support.contact, settings.support.upgrade_url)
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
        self.open_streams = 0
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
        self.routes = {
            model: Route(target, pools[_place(upstreams[target.upstream])], upstreams[target.upstream], None)
            for model, target in snapshot.models.items()
            if target.upstream in upstreams
        }
        self._price(system.now_ms())
        self.ready = True

    def _price(self, now_ms: int) -> None:
        """Give each route the price in force, and note when the next one begins."""
        changes = []
        for model, route in self.routes.items():
            steps = route.target.prices
            if steps:
                version = version_at(steps, now_ms)
                if route.price_id != ("" if version is None else version.id):
                    self.routes[model] = route.at(version)
                changes.append(next_step_ms(steps, now_ms) or math.inf)
        self._next_price_ms = min(changes, default=math.inf)

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


def _secrets_of(upstream: bus.Upstream, *, signs: bool) -> tuple[bytes, ...]:
    """Return what must not be seen of an upstream's credentials; of one that signs, its parts but the first."""
    found: list[str] = []
    for credential in (upstream.credential, *upstream.credentials):
        found += credential.split(":")[1:] if signs and ":" in credential else [credential]
    return tuple(one.encode() for one in dict.fromkeys(found) if one)
