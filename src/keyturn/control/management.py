"""What the resources of the management API work with."""

import msgspec
from litestar.di import NamedDependency

from keyturn.config.live import Live
from keyturn.config.sections import Settings
from keyturn.control.body_intake import BodyIntake
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Counting
from keyturn.control.ingest import Ingest
from keyturn.control.once_only import OnceOnly
from keyturn.services.accounts import Accounts
from keyturn.services.alarms import Alarms
from keyturn.services.alerts import Alerts
from keyturn.services.anomalies import Anomalies
from keyturn.services.attention import Attention
from keyturn.services.audit import Audit
from keyturn.services.bodies import Bodies
from keyturn.services.claims import Claims
from keyturn.services.codes import Codes
from keyturn.services.credit import Credit
from keyturn.services.credit_watch import CreditWatch
from keyturn.services.events import Events
from keyturn.services.holder_sessions import HolderSessions
from keyturn.services.hygiene import Hygiene
from keyturn.services.idempotency import Idempotency
from keyturn.services.imports import Imports
from keyturn.services.invitations import Invitations
from keyturn.services.key_secrets import KeySecrets
from keyturn.services.keys import Keys
from keyturn.services.leaks import Leaks
from keyturn.services.ledger import Ledger
from keyturn.services.letters import Letters
from keyturn.services.limits import Limits
from keyturn.services.lookup import Lookup
from keyturn.services.models import Models
from keyturn.services.names import Names
from keyturn.services.people import People
from keyturn.services.peppers import Peppers
from keyturn.services.plans import Plans
from keyturn.services.policies import Policies
from keyturn.services.prices import Prices
from keyturn.services.projects import Projects
from keyturn.services.report_keys import ReportKeys
from keyturn.services.reports import Reports
from keyturn.services.rerate import Rerate
from keyturn.services.retention import Retention
from keyturn.services.reveal import Reveal
from keyturn.services.rotation import Rotation
from keyturn.services.rotation_policy import RotationPolicy
from keyturn.services.sessions import Sessions
from keyturn.services.settings import NodeSettings
from keyturn.services.sign_in import SignIn
from keyturn.services.simulate import Simulation
from keyturn.services.statements import Statements
from keyturn.services.upstreams import Upstreams
from keyturn.services.users import Users
from keyturn.services.verification import Verification
from keyturn.store.engine import Store


class Management(msgspec.Struct, frozen=True, kw_only=True):
    """The use cases, and the parts of this process that resources show."""

    live: Live
    node_settings: NodeSettings
    names: Names
    started_at: float
    """Seconds since 1970 UTC."""
    store: Store
    lookup: Lookup
    accounts: Accounts
    plans: Plans
    credit: Credit
    credit_watch: CreditWatch
    codes: Codes
    ledger: Ledger
    statements: Statements
    projects: Projects
    users: Users
    sign_in: SignIn
    people: People
    letters: Letters
    sessions: Sessions
    invitations: Invitations
    holder_sessions: HolderSessions
    keys: Keys
    key_secrets: KeySecrets
    limits: Limits
    hygiene: Hygiene
    policies: Policies
    rotation: Rotation
    rotation_policy: RotationPolicy
    claims: Claims
    events: Events
    alarms: Alarms
    alerts: Alerts
    anomalies: Anomalies
    attention: Attention
    audit: Audit
    leaks: Leaks
    report_keys: ReportKeys | None = None
    """Who may report leaks; ``None``: nobody."""
    upstreams: Upstreams
    models: Models
    prices: Prices
    rerate: Rerate
    reports: Reports
    retention: Retention
    simulation: Simulation
    verification: Verification
    peppers: Peppers
    reveal: Reveal
    idempotency: Idempotency
    imports: Imports
    ingest: Ingest
    counting: Counting
    once_only: OnceOnly
    bodies: Bodies
    body_intake: BodyIntake
    bus: BusServer

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.live.now


Managed = NamedDependency[Management]
"""How a handler asks for it: a parameter named ``management``."""
