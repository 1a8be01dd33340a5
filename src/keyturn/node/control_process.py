"""The control process: store, bus, ingest and management API, wired together."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog
import uvloop
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.config.live import Live
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Settings
from keyturn.control.app import create_app
from keyturn.control.body_intake import BodyIntake
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Counting
from keyturn.control.door import Door
from keyturn.control.http_server import HttpServer
from keyturn.control.ingest import Ingest
from keyturn.control.management import Management
from keyturn.control.once_only import OnceOnly
from keyturn.control.scheduler import Scheduler, jobs_of
from keyturn.domain import ids
from keyturn.domain.anomalies import Use
from keyturn.node.child import Brief, Ready, read_brief, say_ready
from keyturn.services import bootstrap
from keyturn.services.accounts import Accounts
from keyturn.services.alarms import Alarms
from keyturn.services.alerts import Alerts
from keyturn.services.anomalies import NANO_USD_PER_CENT, Anomalies
from keyturn.services.attempts import Attempts
from keyturn.services.attention import Attention
from keyturn.services.audit import Audit
from keyturn.services.bodies import Bodies
from keyturn.services.claims import Claims
from keyturn.services.codes import Codes
from keyturn.services.configuration import Configuration
from keyturn.services.countermeasures import Countermeasures
from keyturn.services.credit import Credit
from keyturn.services.credit_watch import CreditWatch
from keyturn.services.delivery_sinks import Sinks
from keyturn.services.events import Events
from keyturn.services.holder_sessions import HolderSessions
from keyturn.services.hygiene import Hygiene
from keyturn.services.idempotency import Idempotency
from keyturn.services.imports import Imports
from keyturn.services.key_secrets import KeySecrets
from keyturn.services.keys import Keys
from keyturn.services.leaks import Leaks
from keyturn.services.ledger import Ledger
from keyturn.services.limits import Limits
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.names import Names
from keyturn.services.people import people_of
from keyturn.services.peppers import Peppers, Renewal
from keyturn.services.plans import Plans
from keyturn.services.policies import Policies
from keyturn.services.prices import Prices
from keyturn.services.pricing import PriceRules, per_million, rules_of
from keyturn.services.projects import Projects
from keyturn.services.report_keys import ReportKeys
from keyturn.services.reports import Reports
from keyturn.services.rerate import Rerate
from keyturn.services.retention import Kept, Retention
from keyturn.services.reveal import Reveal
from keyturn.services.rotation import Rotation
from keyturn.services.rotation_policy import RotationPolicy
from keyturn.services.sessions import Sessions
from keyturn.services.settings import NodeSettings, access_of
from keyturn.services.simulate import Simulation
from keyturn.services.statements import Statements
from keyturn.services.thresholds import Thresholds
from keyturn.services.upstreams import Upstreams
from keyturn.services.users import Users
from keyturn.services.verification import Verification
from keyturn.store import ledger, shipped_prices
from keyturn.store.audit_file import entries_in
from keyturn.store.engine import Store, UnusableDatabaseError, open_store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import MASTER, PEPPER, Vault, VaultError, read_given
from keyturn.telemetry import logs


def main() -> None:
    """Serve as the supervisor's brief says, until it ends or says stop."""
    brief = read_brief(sys.stdin.buffer.readline())
    logs.configure(brief.settings.log, process=brief.process)
    os.umask(0o077)
    gc.disable()  # nothing that a start makes is garbage
    try:
        uvloop.run(_serve(brief))
    except (UnusableDatabaseError, VaultError) as error:
        structlog.get_logger().error("can't start", why=str(error))
        sys.exit(1)


async def _serve(brief: Brief) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop, lifeline=sys.stdin.fileno())
    data = DataDirectory(brief.settings.data)
    data.create()
    async with AsyncExitStack() as closing:
        store = await open_store(data.database)
        closing.push_async_callback(store.close)
        kept = brief.settings.vault
        given = {MASTER: (kept.master_key, kept.master_key_file), PEPPER: (kept.pepper, kept.pepper_file)}
        vault = Vault(data.secrets, read_given(given))
        await bootstrap.check_vault(store, vault)
        first_key = await bootstrap.first_start(store, vault, brief.provider_keys)
        if brief.demo_port:
            await bootstrap.add_demo(store)
        tasks = system.Tasks()
        closing.push_async_callback(tasks.cancel)
        management = await _management(brief, store, vault, tasks, closing)
        await management.bus.listen(
            data.bus_socket,
            first_used=management.rotation.first_used,
            noticed=management.anomalies.noticed,
            limits=management.counting,
            attempts=management.once_only,
            bodies=management.body_intake.take,
        )
        tasks.spawn(management.counting.run(), name="counting")
        tasks.spawn(management.anomalies.run(), name="scope probing")
        tasks.spawn(management.ingest.run(), name="ingest")
        tasks.spawn(Scheduler(jobs_of(management)).run(), name="scheduler")
        tasks.spawn(management.credit_watch.run(), name="credit")
        tasks.spawn(management.verification.run(), name="use of verified keys")
        # Providers from the environment, and those that did not answer when they were added.
        bare = [one.stored.name for one in await management.upstreams.everything() if not one.models]
        tasks.spawn(management.upstreams.fill_each(bare), name="models of upstreams")
        app = create_app(management)
        servers = _servers(app, data, drain_s=brief.settings.server.drain_s)
        for server in servers:
            server.listen()
        gc.freeze()  # what stands now stands to the end: no collection need walk it
        gc.enable()
        setup = await management.sign_in.setup_link()
        say_ready(
            brief,
            Ready(
                process=brief.process,
                first_key=first_key.reveal() if first_key else "",
                setup_token=setup.reveal() if setup else "",
            ),
        )
        await _serve_until(stop, servers, app.state["live"].close)
        await management.ingest.flush()
        await management.verification.flush()
        await management.body_intake.flush()


async def _management(
    brief: Brief, store: Store, vault: Vault, tasks: system.Tasks, closing: AsyncExitStack
) -> Management:
    data = DataDirectory(brief.settings.data)
    rules = rules_of(brief.settings.prices, shipped_prices.load())
    live = Live(brief.settings, brief.origins, anonymous_allowed=brief.anonymous_allowed)
    configuration = Configuration(
        store,
        vault,
        demo_port=brief.demo_port,
        rules=rules,
        relay=brief.settings.relay,
        access=lambda: access_of(live.now),
    )
    secrets = KeyLookup(data.database)
    closing.callback(secrets.close)
    lookup = Lookup(secrets.find, vault, Renewal(store, vault, tasks).renew, version=secrets.version)
    bus = BusServer(
        journals=data.journals,
        look=lookup.by_digest,
        configuration=configuration.read,
    )
    closing.push_async_callback(bus.close)
    node_settings = NodeSettings(store, bus, live)
    await node_settings.load()
    sinks = Sinks(brief.settings.rotation.sinks)
    rotation = Rotation(store, vault, bus, sinks)
    events = Events(store)
    thresholds = Thresholds(store, brief.settings.alerts.thresholds)
    await thresholds.load()
    anomalies = _anomalies(brief.settings, store, bus, events, rules)
    ingest = Ingest(store, data.journals, anomalies.probing.note)
    await ingest.load()
    counting = Counting(
        store,
        ingest,
        bus,
        journals=data.journals,
        thresholds=thresholds.of,
        tell=thresholds.crossed,
    )
    closing.push_async_callback(counting.close)
    once_only = OnceOnly(Attempts(store, vault), ingest, bus, journals=data.journals)
    closing.push_async_callback(once_only.close)
    bodies = Bodies(store, vault)
    body_intake = BodyIntake(bodies)
    closing.push_async_callback(body_intake.close)
    keys = Keys(store, vault, bus, sinks)
    hygiene = Hygiene(store)
    people = people_of(store, vault, tasks, live)
    return Management(
        live=live,
        node_settings=node_settings,
        names=Names(store),
        started_at=system.now(),
        store=store,
        lookup=lookup,
        accounts=Accounts(store, bus, counting),
        plans=Plans(store, bus, counting),
        credit=Credit(store, counting),
        credit_watch=CreditWatch(store, counting, ingest.flush),
        codes=Codes(store, counting),
        ledger=Ledger(store),
        statements=Statements(store),
        projects=Projects(store, bus),
        users=Users(store, bus),
        sign_in=people.sign_in,
        invitations=people.invitations,
        people=people,
        letters=people.letters,
        sessions=Sessions(
            store,
            idle_minutes=brief.settings.people.session_idle_minutes,
            days=brief.settings.people.session_days,
        ),
        holder_sessions=HolderSessions(store, secrets.of_key),
        hygiene=hygiene,
        policies=Policies(store, bus),
        keys=keys,
        key_secrets=KeySecrets(store, bus),
        limits=Limits(store, bus, counting),
        rotation=rotation,
        rotation_policy=RotationPolicy(store, rotation),
        claims=Claims(store, vault, bus),
        events=events,
        alarms=Alarms(anomalies.noticed),
        alerts=Alerts(store, events, thresholds),
        anomalies=anomalies,
        attention=Attention(store, hygiene, rules, counting),
        audit=Audit(store, data, entries_in=entries_in),
        leaks=Leaks(
            store,
            look=lookup.by_digest,
            keys=keys,
            workers=bus,
            events=events,
            action=brief.settings.leaks.action,
        ),
        report_keys=_report_keys(brief.settings),
        upstreams=Upstreams(store, vault, bus, configuration),
        models=Models(store, bus, rules),
        prices=Prices(store, bus, rules),
        rerate=Rerate(store, rules, _charged_otherwise),
        reports=Reports(store),
        retention=Retention(store, lambda: _kept(live.now)),
        simulation=Simulation(
            store,
            secrets.of_key,
            configuration.read,
            refuses_unpriced=rules.refuses_unpriced,
        ),
        verification=Verification(
            store,
            look=lookup.by_digest,
            labels=secrets.labels,
            first_used=rotation.first_used,
            noticed=anomalies.noticed,
        ),
        peppers=Peppers(store, vault, bus),
        reveal=Reveal(store, vault, lookup),
        idempotency=Idempotency(store, vault),
        imports=Imports(store, vault, bus),
        ingest=ingest,
        counting=counting,
        once_only=once_only,
        bodies=bodies,
        body_intake=body_intake,
        bus=bus,
    )


def _anomalies(
    settings: Settings, store: Store, bus: BusServer, events: Events, rules: PriceRules
) -> Anomalies:
    async def prices(connection: AsyncConnection) -> dict[str, int]:
        return await per_million(connection, rules, system.now_ms())

    floor = Use(settings.alerts.spike_floor_tokens, settings.alerts.spike_floor_cents * NANO_USD_PER_CENT)
    countermeasures = Countermeasures(store, bus, settings.alerts)
    return Anomalies(store, countermeasures, events.noticed, floor=floor, prices=prices)


async def _charged_otherwise(connection: AsyncConnection, moved: dict[str, int]) -> None:
    reference = f"rerate {system.new_id(ids.EVENT)}"
    await ledger.adjust_for_rerate(connection, moved, at_ms=system.now_ms(), reference=reference)


def _kept(settings: Settings) -> Kept:
    return Kept(
        requests_days=settings.requests.kept_days,
        minutes_days=settings.usage.minutes_kept_days,
        hours_days=settings.usage.hours_kept_days,
    )


def _report_keys(settings: Settings) -> ReportKeys | None:
    url = settings.leaks.public_keys_url
    return ReportKeys(url, proxy=proxy_for(url, settings.relay)) if url else None


def _servers(app: Litestar, data: DataDirectory, *, drain_s: float) -> list[HttpServer]:
    return [
        HttpServer(Door(app, local=False), data.relay_socket, drain_s=drain_s),
        HttpServer(Door(app, local=True), data.control_socket, drain_s=drain_s),
    ]


async def _serve_until(
    stop: asyncio.Event, servers: list[HttpServer], end_streams: Callable[[], Awaitable[None]]
) -> None:
    """Serve both sockets until ``stop``, then let the requests under way end; streams would not by themselves."""
    async with asyncio.TaskGroup() as serving:
        for server in servers:
            serving.create_task(server.serve())
        await stop.wait()
        await end_streams()
        for server in servers:
            server.stop()


def _stop_on_signals(stop: asyncio.Event, *, lifeline: int) -> None:
    """Set ``stop`` on SIGTERM, SIGINT, and when the supervisor's end of the pipe ``lifeline`` closes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def supervisor_spoke_or_ended() -> None:
        if not os.read(lifeline, 4096):
            loop.remove_reader(lifeline)
            stop.set()

    loop.add_reader(lifeline, supervisor_spoke_or_ended)


if __name__ == "__main__":
    main()
