"""What all exchanges of a worker share: the configuration as the control process sent it, keys, journal, counters."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from keyturn import bus, system
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Settings
from keyturn.domain.base62 import encode
from keyturn.domain.models import Target
from keyturn.domain.money import PER_MILLION
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import REDACTED
from keyturn.gateway.counters import Counters
from keyturn.gateway.failures import Failures
from keyturn.gateway.gate import Places
from keyturn.gateway.guesses import Guesses
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.leases import Later, Leases
from keyturn.gateway.notices import Notices, Send
from keyturn.gateway.paths import ENGINE_OPERATION, OPERATIONS
from keyturn.gateway.refused import Refusals
from keyturn.gateway.relay import Origin, Pool
from keyturn.gateway.uses import Uses
from keyturn.providers.compatible import WITHHELD
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


Heads = dict[str, tuple[bytes, bytes]]


class Route:
    """Where a model goes: its target, the pool of connections and the request heads, made once."""

    __slots__ = (
        "_cached",
        "_credential",
        "_input",
        "_output",
        "heads",
        "output_cap",
        "pool",
        "priced",
        "target",
    )

    def __init__(self, target: Target, pool: Pool, heads: Heads, credential: str) -> None:
        self.target = target
        self.pool = pool
        self.heads = heads
        self._credential = credential.encode()
        self.output_cap = 0
        """The most output tokens that the model makes; 0: nobody has said."""
        price = target.price
        self.priced = price is not None
        self._input = self._output = self._cached = 0
        if price is not None:
            self._input, self._output = price.input_nano_usd, price.output_nano_usd
            cached = price.cached_input_nano_usd
            self._cached = self._input if cached is None else cached

    def withhold(self, text: bytes) -> bytes:
        """Take our credential out of what a provider says about it."""
        return text.replace(self._credential, REDACTED.encode()) if self._credential else text

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """Price a request as ``domain.money.cost_nano_usd`` does, from integers at hand; 0 when unpriced."""
        return -(
            -(
                (input_tokens - cached_tokens) * self._input
                + cached_tokens * self._cached
                + output_tokens * self._output
            )
            // PER_MILLION
        )


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
        self.support = settings.support.contact
        self.takes_headers = False
        """A lone ``Authorization`` header can be decided at once: no other header may carry a key."""
        self.failures = Failures(settings.auth.failures_per_minute)
        self.guesses = Guesses()
        self.notices = Notices(send)
        self.leases = Leases(send, system.monotonic, later)
        self.uses = Uses(journal)
        self.refusals = Refusals(journal)
        self.open_streams = 0
        self.ready = False
        self._settings = settings.relay
        self._tasks = tasks
        self._pools: dict[bus.Upstream, Pool] = {}
        self._tls: ssl.SSLContext | None = None
        self.control = Pool(
            Origin("control process", path=str(control_socket)), settings.relay, tasks, WITHHELD_HERE
        )
        self._run = encode(int.from_bytes(system.random_bytes(8), "big"), 5)
        self._requests = 0
        self._log = structlog.get_logger()
        self.tick()

    def tick(self) -> None:
        """Refresh what is derived from the wall clock; called about twice a second."""
        self._stem = "req_" + encode(system.now_ms(), 7) + self._run
        self.wall = system.now() - system.monotonic()
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
        pools = {
            upstream: self._pools.pop(upstream) if upstream in self._pools else self._pool(upstream)
            for upstream in snapshot.upstreams.values()
        }
        for gone in self._pools.values():
            gone.close()
        self._pools = pools
        heads = {name: _heads(upstream) for name, upstream in snapshot.upstreams.items()}
        self.routes = {
            model: Route(
                target,
                pools[snapshot.upstreams[target.upstream]],
                heads[target.upstream],
                snapshot.upstreams[target.upstream].credential,
            )
            for model, target in snapshot.models.items()
            if target.upstream in snapshot.upstreams
        }
        self.ready = True

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
        return Pool(origin, self._settings, self._tasks, WITHHELD)

    def report_failure(self, request_id: str, upstream: str, reason: Reason, detail: str) -> None:
        """Log what a provider did."""
        self._log.warning(
            "upstream failed", request_id=request_id, upstream=upstream, reason=reason.value, detail=detail
        )

    def sweep(self, now: float) -> None:
        """Let time pass for connections and questions; called about twice a second with the loop's time."""
        self.tick()
        self.keys.sweep(now)
        self.control.sweep(now)
        self.notices.flush()
        self.leases.sweep()
        for pool in self._pools.values():
            pool.sweep(now)

    def close(self) -> None:
        """Keep no connection."""
        self.control.close()
        for pool in self._pools.values():
            pool.close()


def _heads(upstream: bus.Upstream) -> Heads:
    """Return, for each upstream path, a request's first line up to the query, and what follows up to what varies."""
    url = urlsplit(upstream.base_url)
    authorization = f"authorization: Bearer {upstream.credential}\r\n" if upstream.credential else ""
    rest = f" HTTP/1.1\r\nhost: {url.netloc}\r\n{authorization}".encode()
    return {
        operation.upstream_path: (f"POST {url.path}{operation.upstream_path}".encode(), rest)
        for operation in [*OPERATIONS.values(), ENGINE_OPERATION]
        if operation.upstream_path
    }
