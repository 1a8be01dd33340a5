"""What open pages are told without asking: one task reads, encodes once for all who may see the same, and hands out.

Nothing runs and nothing is decoded while nobody watches. What ingest has stored is offered to ``Live.heard``; each tick the
last of it becomes one frame per reach, however many pages are open. A page that does not read is let go of: it loads anew.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from zoneinfo import ZoneInfo

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import system
from keyturn.control.dashboard import figures
from keyturn.control.dashboard.request_rows import RequestRow, row
from keyturn.control.management import Management
from keyturn.domain.journal import Served
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import may
from keyturn.services.sessions import Visitor
from keyturn.services.usage_plans import UsageQuery
from keyturn.store.attention import LimitOwner
from keyturn.store.requests import Ended, decode_block

TICK_S = 1.0
SLOW_EVERY = 5
"""Ticks between two looks at spend and alerts, and at sessions where no request is told of."""
FORGET_EVERY = 60
"""Ticks between two in which names and owners of keys are read anew."""
HEARTBEAT_S = 15.0
ROWS, MOST_DECODED, MOST_HELD = 20, 2_048, 64
"""Requests in a frame, requests looked at in a tick, and blocks held for it."""
MOST_QUEUED = 30
MOST_OF_ONE_SESSION = 20
"""Pages that somebody can have open at once and be told of what happens."""
FIGURES_EVERY_S, FIGURES_A_SECOND = 5, 2
"""A page asks for its figures no more often than this, and all that are open together too: each time costs 20 ms of CPU."""
RETRY_MS = 2_000
BEHIND, SESSION, STOPPING = "behind", "session", "stopping"
"""Why a stream ends."""
OPENING = f"retry: {RETRY_MS}\n: welcome\n\n".encode()
ALIVE = b": alive\n\n"

Blocks = Sequence[tuple[str, str, bytes]]


class Reach(msgspec.Struct, frozen=True):
    """Who shares frames: whoever may see the same."""

    account_id: str
    project_id: str
    holder_id: str
    alerts: bool
    zone: str

    @property
    def everything(self) -> bool:
        """Say whether it is the whole node."""
        return not (self.account_id or self.project_id or self.holder_id)


class Counters(msgspec.Struct, frozen=True):
    """Figures of now, written out; empty where they are not for these eyes."""

    requests: str = ""
    """A second."""
    tokens: str = ""
    """A second."""
    spend: str = ""
    """Today, in the account's time zone."""
    streams: str = ""
    figures_after_s: int = FIGURES_EVERY_S
    """How long a page waits until it asks for its figures again."""


class Rows(msgspec.Struct, frozen=True):
    """The last requests that have ended since the frame before, the oldest first."""

    rows: list[RequestRow]


class Listener:
    """An open page."""

    def __init__(self, visitor: Visitor, token: str, *, rows: bool) -> None:
        self.visitor = visitor
        self.token = token
        self.rows = rows
        self.reach = reach_of(visitor)
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._over = ""

    def offer(self, frame: bytes) -> None:
        """Queue a frame; who does not read is told to load anew."""
        if len(self._queue) >= MOST_QUEUED:
            self.end(BEHIND)
            return
        self._queue.append(frame)
        self._wake.set()

    def end(self, why: str) -> None:
        """Let the page go; what waits for it is dropped."""
        self._over = self._over or why
        self._queue.clear()
        self._wake.set()

    async def frames(self, heartbeat_s: float) -> AsyncIterator[bytes]:
        """Yield what is to be sent, until it is over."""
        yield OPENING
        while not self._over:
            self._wake.clear()
            if self._queue:
                waiting = b"".join(self._queue)
                self._queue.clear()
                yield waiting
                continue
            try:
                async with asyncio.timeout(heartbeat_s):
                    await self._wake.wait()
            except TimeoutError:
                yield ALIVE
        yield frame("end", {"why": self._over})


class Live:
    """Tells open pages what happens. One for the life of the process."""

    def __init__(self, management: Management) -> None:
        self._management = management
        # An answer that is silent for too long would be cut by the worker.
        self.heartbeat_s = min(HEARTBEAT_S, management.settings.relay.idle_timeout_s / 2)
        self._listeners: set[Listener] = set()
        self._tasks = system.Tasks()
        self._running = False
        self._closed = False
        self._held: deque[tuple[str, str, bytes]] = deque(maxlen=MOST_HELD)
        self._owners: dict[str, LimitOwner] = {}
        self._spend: dict[Reach, str] = {}
        self._alerts: dict[Reach, bytes] = {}
        self._counted: tuple[float, int, int] | None = None

    @property
    def watched(self) -> int:
        """How many pages are open."""
        return len(self._listeners)

    async def watch(self, visitor: Visitor, token: str, *, rows: bool) -> AsyncIterator[bytes]:
        """Yield what a page is told, for as long as it is open and its session lasts."""
        listener = Listener(visitor, token, rows=rows)
        if self._closed:
            listener.end(STOPPING)
        elif sum(one.token == token for one in self._listeners) >= MOST_OF_ONE_SESSION:
            listener.end(BEHIND)
        self._listeners.add(listener)
        if listener.reach in self._alerts:
            listener.offer(self._alerts[listener.reach])
        if not self._running:
            self._running = True
            self._management.ingest.heard = self._hear
            self._tasks.spawn(self._run(), name="live pages")
        try:
            async for one in listener.frames(self.heartbeat_s):
                yield one
        finally:
            self._listeners.discard(listener)

    async def close(self) -> None:
        """End all streams, and begin none."""
        self._closed = True
        for listener in self._listeners:
            listener.end(STOPPING)

    def _hear(self, blocks: Blocks) -> None:
        self._held.extend(blocks)

    async def _run(self) -> None:
        tick = 0
        try:
            while self._listeners:
                try:
                    await self._tick(tick)
                except SQLAlchemyError as error:  # the pages stay as they are until the store can be read
                    structlog.get_logger().warning(
                        "open pages can't be told", why=str(error).partition("\n")[0]
                    )
                tick += 1
                await asyncio.sleep(TICK_S)
        finally:
            self._management.ingest.heard = None
            self._running = False
            for kept in (self._held, self._owners, self._spend, self._alerts):
                kept.clear()
            self._counted = None

    async def _tick(self, tick: int) -> None:
        if tick % FORGET_EVERY == 0:
            self._owners.clear()
        found = await self._take()
        if found or tick % SLOW_EVERY == 0:  # nobody is shown a request who may not see it any more
            await self._check_sessions()
        by_reach: dict[Reach, list[Listener]] = {}
        for listener in self._listeners:
            by_reach.setdefault(listener.reach, []).append(listener)
        rates = self._rates()
        for reach, listeners in by_reach.items():
            if tick % SLOW_EVERY == 0 or reach not in self._spend:
                await self._look(reach, listeners)
            by = listeners[0].visitor.principal
            own = found if reach.everything else [one for one in found if self._reaches(by, one.key_id)]
            counters = frame("counters", self._counters(reach, own, rates))
            rows = frame("requests", self._rows(reach, own)) if own else b""
            for listener in listeners:
                listener.offer(counters + rows if listener.rows else counters)

    async def _take(self) -> list[Ended]:
        """Return the requests that have been stored since the last tick, the newest first; only where they are wanted."""
        blocks, found = list(self._held), []
        self._held.clear()
        wanted = max((_wants(one) for one in self._listeners), default=0)
        if not wanted:
            return []
        for _, _, block in reversed(blocks):
            found += decode_block(block)
            if len(found) >= wanted:
                break
        found.sort(key=lambda one: one.request_id, reverse=True)
        unknown = {one.key_id for one in found} - self._owners.keys() - {""}
        if unknown:
            self._owners.update(await self._management.attention.owners(sorted(unknown)))
        return found

    def _reaches(self, by: Principal, key_id: str) -> bool:
        owner = self._owners.get(key_id)
        return owner is not None and by.reaches_key(owner.account_id, owner.project_id, owner.user_id or None)

    async def _look(self, reach: Reach, listeners: Sequence[Listener]) -> None:
        """Look at what changes slowly."""
        by, reports = listeners[0].visitor.principal, self._management.reports.usage
        plan = await reports.plan(UsageQuery(days=1, time_zone=reach.zone), by=by)
        report = plan if isinstance(plan, Refused) else await reports.report(plan)
        self._spend[reach] = (
            "" if isinstance(report, Refused) else figures.usd(report.total.usage.cost_nano_usd)
        )
        if not reach.alerts:
            return
        told = frame("alerts", {"open": await self._management.alerts.open_count(by)})
        if self._alerts.get(reach) != told:
            self._alerts[reach] = told
            for listener in listeners:
                listener.offer(told)

    def _rates(self) -> tuple[float, float]:
        """Return requests and tokens a second of the whole node since the last tick, as workers count them."""
        totals = self._management.bus.counts.totals()
        now = system.monotonic()
        requests, tokens = sum(totals.requests.values()), sum(totals.tokens.values())
        before, self._counted = self._counted, (now, requests, tokens)
        if before is None or now <= before[0]:
            return 0.0, 0.0
        passed = now - before[0]
        return max(0, requests - before[1]) / passed, max(0, tokens - before[2]) / passed

    def _counters(self, reach: Reach, own: Sequence[Ended], rates: tuple[float, float]) -> Counters:
        spend = self._spend.get(reach, "")
        after_s = max(FIGURES_EVERY_S, len(self._listeners) // FIGURES_A_SECOND)
        if not reach.everything:
            tokens = sum(map(_tokens, own))
            return Counters(_rate(len(own) / TICK_S), _rate(tokens / TICK_S), spend, figures_after_s=after_s)
        links = self._management.bus.links
        streams = sum(link.counted.gauges.get("open_streams", 0) for link in links if link.counted)
        return Counters(_rate(rates[0]), _rate(rates[1]), spend, figures.count(int(streams)), after_s)

    def _rows(self, reach: Reach, own: Sequence[Ended]) -> Rows:
        with figures.zone(ZoneInfo(reach.zone)):
            return Rows([row(one, self._name(one.key_id)) for one in reversed(own[:ROWS])])

    def _name(self, key_id: str) -> str:
        owner = self._owners.get(key_id)
        return "" if owner is None else owner.name

    async def _check_sessions(self) -> None:
        """End the streams of sessions that are over, and of people who may not do the same any more."""
        listeners = list(self._listeners)  # who comes while the store is asked has just been judged
        still = await self._management.sessions.still({one.token for one in listeners})
        for listener in listeners:
            person = listener.visitor.person
            if still.get(listener.token) != (person.id, person.account_id, person.role):
                listener.end(SESSION)


def reach_of(visitor: Visitor) -> Reach:
    """Return what somebody may see."""
    by = visitor.principal
    alerts = may(visitor.person, "GET", "/api/v1/alerts")
    return Reach(by.account_id, by.project_id, by.holder_id, alerts, visitor.signed_in.time_zone)


def frame(event: str, data: object) -> bytes:
    """Return an event as it goes over the line; JSON has no line breaks."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(data))


def _wants(listener: Listener) -> int:
    """Return how many of the last requests a page needs: for figures of less than the node, all that there are."""
    if not listener.reach.everything:
        return MOST_DECODED
    return ROWS if listener.rows else 0


def _tokens(one: Ended) -> int:
    return one.input_tokens + one.output_tokens if isinstance(one, Served) else 0


def _rate(number: float) -> str:
    return figures.compact(round(number, 1) if number < 10 else round(number))
