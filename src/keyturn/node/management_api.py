"""The management API, its pages, and what time does: all of the control process that no request waits for.

Importing and making it takes longer than everything before it; ``control_process`` has it done while workers are
answered already.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Settings
from keyturn.control.app import create_app
from keyturn.control.door import Door
from keyturn.control.door_sockets import DoorSockets
from keyturn.control.http_server import HttpServer
from keyturn.control.management import Management
from keyturn.control.scheduler import Scheduler, jobs_of
from keyturn.domain import ids
from keyturn.domain.secret import Secret
from keyturn.node.answering import Answering
from keyturn.services.accounts import Accounts
from keyturn.services.alarms import Alarms
from keyturn.services.alerts import Alerts
from keyturn.services.attention import Attention
from keyturn.services.audit import Audit
from keyturn.services.claims import Claims
from keyturn.services.codes import Codes
from keyturn.services.credit import Credit
from keyturn.services.credit_watch import CreditWatch
from keyturn.services.holder_sessions import HolderSessions
from keyturn.services.hygiene import Hygiene
from keyturn.services.idempotency import Idempotency
from keyturn.services.imports import Imports
from keyturn.services.key_secrets import KeySecrets
from keyturn.services.keys import Keys
from keyturn.services.leaks import Leaks
from keyturn.services.ledger import Ledger
from keyturn.services.limits import Limits
from keyturn.services.models import Models
from keyturn.services.names import Names
from keyturn.services.people import people_of
from keyturn.services.peppers import Peppers
from keyturn.services.plans import Plans
from keyturn.services.policies import Policies
from keyturn.services.prices import Prices
from keyturn.services.projects import Projects
from keyturn.services.report_keys import ReportKeys
from keyturn.services.reports import Reports
from keyturn.services.rerate import Rerate
from keyturn.services.retention import Kept, Retention
from keyturn.services.reveal import Reveal
from keyturn.services.rotation_policy import RotationPolicy
from keyturn.services.sessions import Sessions
from keyturn.services.simulate import Simulation
from keyturn.services.statements import Statements
from keyturn.services.users import Users
from keyturn.services.verification import Verification
from keyturn.store import ledger
from keyturn.store.audit_file import entries_in


class ManagementApi:
    """The application behind both doors. ``begin``, then ``serve``."""

    def __init__(self, management: Management, sockets: DoorSockets, tasks: system.Tasks) -> None:
        """Make the application; it needs no running loop.

        Args:
            management: What it works with.
            sockets: Whom it serves.
            tasks: Of the process.
        """
        app = create_app(management)
        drain_s = management.settings.server.drain_s
        self._management = management
        self._tasks = tasks
        self._end_streams: Callable[[], Awaitable[None]] = app.state["live"].close
        self._servers = [
            HttpServer(Door(app, local=False), sockets.relayed, drain_s=drain_s),
            HttpServer(Door(app, local=True), sockets.local, drain_s=drain_s),
        ]

    async def begin(self) -> Secret | None:
        """Have time do its work; return the secret of the link that makes the first owner, if there is none."""
        management, tasks = self._management, self._tasks
        tasks.spawn(Scheduler(jobs_of(management)).run(), name="scheduler")
        tasks.spawn(management.credit_watch.run(), name="credit")
        tasks.spawn(management.verification.run(), name="use of verified keys")
        # Providers from the environment, and those that did not answer when they were added.
        bare = [one.stored.name for one in await management.upstreams.everything() if not one.models]
        tasks.spawn(management.upstreams.fill_each(bare), name="models of upstreams")
        return await management.sign_in.setup_link()

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``, then let the requests under way end; streams would not by themselves."""
        async with asyncio.TaskGroup() as serving:
            for server in self._servers:
                serving.create_task(server.serve())
            await stop.wait()
            await self._end_streams()
            for server in self._servers:
                server.stop()
        await self._management.verification.flush()


def make(parts: Answering, data: DataDirectory, sockets: DoorSockets, tasks: system.Tasks) -> ManagementApi:
    """Make it of what answers workers; fit for a thread."""
    return ManagementApi(manage(parts, data, tasks), sockets, tasks)


def manage(parts: Answering, data: DataDirectory, tasks: system.Tasks) -> Management:
    """Put the use cases together."""
    store, vault, bus, live = parts.store, parts.vault, parts.bus, parts.live
    secrets, look, counting = parts.secrets, parts.lookup.by_digest, parts.counting
    settings = live.now
    keys = Keys(store, vault, bus, parts.sinks)
    hygiene = Hygiene(store)
    people = people_of(store, vault, tasks, live)
    return Management(
        live=live,
        node_settings=parts.node_settings,
        names=Names(store),
        started_at=parts.started_at,
        store=store,
        lookup=parts.lookup,
        accounts=Accounts(store, bus, counting),
        plans=Plans(store, bus, counting),
        credit=Credit(store, counting),
        credit_watch=CreditWatch(store, counting, parts.ingest.flush),
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
            idle_minutes=settings.people.session_idle_minutes,
            days=settings.people.session_days,
        ),
        holder_sessions=HolderSessions(store, secrets.of_key),
        hygiene=hygiene,
        policies=Policies(store, bus),
        keys=keys,
        key_secrets=KeySecrets(store, bus),
        limits=Limits(store, bus, counting),
        rotation=parts.rotation,
        rotation_policy=RotationPolicy(store, parts.rotation),
        claims=Claims(store, vault, bus),
        events=parts.events,
        alarms=Alarms(parts.anomalies.noticed),
        alerts=Alerts(store, parts.events, parts.thresholds),
        anomalies=parts.anomalies,
        attention=Attention(store, hygiene, parts.rules, counting),
        audit=Audit(store, data, entries_in=entries_in),
        leaks=Leaks(
            store,
            look=look,
            keys=keys,
            workers=bus,
            events=parts.events,
            action=settings.leaks.action,
        ),
        report_keys=_report_keys(settings),
        upstreams=parts.upstreams,
        models=Models(store, bus, parts.rules),
        prices=Prices(store, bus, parts.rules),
        rerate=Rerate(store, parts.rules, _charged_otherwise),
        reports=Reports(store),
        retention=Retention(store, lambda: _kept(live.now)),
        simulation=Simulation(
            store,
            secrets.of_key,
            parts.configuration.read,
            refuses_unpriced=parts.rules.refuses_unpriced,
        ),
        verification=Verification(
            store,
            look=look,
            labels=secrets.labels,
            first_used=parts.rotation.first_used,
            noticed=parts.anomalies.noticed,
        ),
        peppers=Peppers(store, vault, bus),
        reveal=Reveal(store, vault, parts.lookup),
        idempotency=Idempotency(store, vault),
        imports=Imports(store, vault, bus),
        ingest=parts.ingest,
        counting=counting,
        once_only=parts.once_only,
        bodies=parts.bodies,
        body_intake=parts.body_intake,
        bus=bus,
    )


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
