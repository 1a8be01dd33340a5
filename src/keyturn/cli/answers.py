"""What the management API answers, as far as commands show it; members that are not named here are let be."""

from typing import Any

import msgspec

from keyturn.cli.limit_options import HeldLimit


class KeyUsage(msgspec.Struct, frozen=True):
    """What a key has used since it was made."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str = "0"
    last_used_at: str | None = None
    last_ip: str | None = None
    seen_in_url: bool = False


class KeySecret(msgspec.Struct, frozen=True):
    """One secret of a key, without its text."""

    id: str
    display: str
    state: str
    created_at: str
    activated_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None
    last_ip: str | None = None


class KeyRotation(msgspec.Struct, frozen=True):
    """How a key comes by new secrets."""

    every_days: int | None = None
    overlap_hours: int = 0
    next_at: str | None = None
    self_rotation: bool = False
    sink: str | None = None
    sealing_key: str | None = None


class Key(msgspec.Struct, frozen=True):
    """An API key."""

    id: str
    name: str
    status: str
    display: str
    created_at: str
    description: str | None = None
    kind: str = ""
    preset: str | None = None
    permissions: list[str] = []
    project_id: str = ""
    account_id: str = ""
    user_id: str | None = None
    environment: str = ""
    models: list[str] = []
    endpoints: list[str] = []
    ip: list[str] = []
    origins: list[str] = []
    locations: list[str] | None = None
    expires_at: str | None = None
    not_before: str | None = None
    rotation: KeyRotation = KeyRotation()
    recoverable: bool = False
    decoy: bool = False
    delete_protected: bool = False
    quarantined_at: str | None = None
    deleted_at: str | None = None
    secrets: list[KeySecret] = []
    usage: KeyUsage = KeyUsage()
    tags: list[str] = []
    metadata: dict[str, str] = {}
    created_by: str | None = None
    limits: list[HeldLimit] = []


class Upstream(msgspec.Struct, frozen=True):
    """A configured connection to a provider."""

    name: str
    base_url: str
    provider: str = ""
    has_credential: bool = False
    credentials: int = 0
    models: list[str] = []
    created_at: str | None = None
    note: str | None = None
    """What was not as expected when it was added."""
    max_concurrency: int = 0
    requests_per_minute: int = 0


class UpstreamTest(msgspec.Struct, frozen=True):
    """What a call to a provider came to."""

    ok: bool
    latency_ms: float | None = None
    models: list[str] = []
    status: int | None = None
    error: str | None = None
    tried: bool = True


class When(msgspec.Struct, frozen=True):
    """Which requests a target takes."""

    stream: bool | None = None
    operations: list[str] = []
    min_input_tokens: int = 0
    max_input_tokens: int = 0
    projects: list[str] = []
    environments: list[str] = []


class Target(msgspec.Struct, frozen=True):
    """Where a model may go."""

    upstream: str
    model: str
    weight: int = 1
    priority: int = 0
    when: When = When()


class Model(msgspec.Struct, frozen=True):
    """A name that clients may use."""

    name: str
    upstream: str
    upstream_model: str = ""
    input_usd_per_million: str | None = None
    output_usd_per_million: str | None = None
    cached_input_usd_per_million: str | None = None
    targets: list[Target] = []


class UsageRow(msgspec.Struct, frozen=True):
    """What one group used."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    key_id: str | None = None
    key_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    model: str | None = None
    status: int | None = None
    operation: str | None = None
    upstream: str | None = None
    day: str | None = None
    start: str | None = None
    errors: int = 0
    p50_us: int | None = None
    p95_us: int | None = None
    estimated: int = 0
    recovered: int = 0
    unpriced: int = 0


class Usage(msgspec.Struct, frozen=True):
    """Usage, grouped."""

    rows: list[UsageRow]
    total: UsageRow
    left_out: int = 0


class Check(msgspec.Struct, frozen=True):
    """One check of a request; ``passed`` is ``None`` when it was never reached."""

    name: str
    passed: bool | None
    detail: str = ""


class Simulation(msgspec.Struct, frozen=True):
    """What would happen to a request."""

    would: str
    status: int
    checks: list[Check]
    reason: str = ""
    message: str = ""
    key_id: str = ""
    secret_id: str = ""


class Verification(msgspec.Struct, frozen=True):
    """What is known of a key that was presented."""

    valid: bool
    code: str
    message: str = ""
    hint: str = ""
    key_id: str = ""
    name: str = ""
    kind: str | None = None
    account_id: str = ""
    project_id: str = ""
    user_id: str = ""
    environment: str = ""
    permissions: list[str] = []
    expires_at: str | None = None
    limits: list[HeldLimit] = []
    tags: list[str] = []
    metadata: dict[str, str] = {}


class Body(msgspec.Struct, frozen=True):
    """What was asked, or answered."""

    content: str
    encoding: str
    cut: bool


class Bodies(msgspec.Struct, frozen=True):
    """Both."""

    request: Body
    answer: Body


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a target."""

    target: str
    outcome: str
    took_ms: int


class Request(msgspec.Struct, frozen=True):
    """One request. Of a refused one, nothing from ``upstream`` on is known."""

    request_id: str
    source: str
    status: int
    checks: list[Check] = []
    reason: str = ""
    detail: str = ""
    operation: str = ""
    path: str = ""
    model: str = ""
    key_id: str = ""
    key_name: str | None = None
    location: str = ""
    address: str = ""
    started_at: str | None = None
    upstream: str = ""
    upstream_model: str = ""
    auth_us: int = 0
    sent_us: int = 0
    first_byte_us: int = 0
    total_us: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_ms: int = 0
    characters: int = 0
    cost_usd: str | None = None
    priced: bool = True
    price_id: str = ""
    usage_source: str = ""
    attempts: list[Attempt] = []
    streamed: bool = False
    outcome: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that somebody should know of."""

    id: str
    at: str
    kind: str
    severity: str
    key_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    details: dict[str, str] = {}


class AuditEntry(msgspec.Struct, frozen=True):
    """One change, or one refused call."""

    seq: int
    at: str
    actor: str
    action: str
    target: str
    before: Any = None
    after: Any = None


class AuditProblem(msgspec.Struct, frozen=True):
    """The first thing that is wrong with the audit log."""

    seq: int
    damage: str
    text: str


class AuditVerdict(msgspec.Struct, frozen=True):
    """What came of following the audit log."""

    intact: bool
    count: int
    hash: str
    problem: AuditProblem | None = None


class ControlState(msgspec.Struct, frozen=True):
    """The control process."""

    pid: int
    resident_bytes: int = 0


class WorkerState(msgspec.Struct, frozen=True):
    """A gateway worker."""

    name: str
    pid: int
    connected: bool
    confirmed_sequence: int = 0
    requests: int = 0
    open_connections: int = 0
    resident_bytes: int = 0
    journal_bytes_behind: int = 0


class SettingState(msgspec.Struct, frozen=True):
    """A setting as the node runs with it."""

    path: str
    value: str
    origin: str


class NodeState(msgspec.Struct, frozen=True):
    """A node and its processes."""

    version: str
    started_at: str
    control: ControlState
    workers: list[WorkerState] = []
    settings: list[SettingState] = []
    problems: list[str] = []
