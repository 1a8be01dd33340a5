"""Every setting, one struct per section. The docstring under a field is its reference entry."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65_535)]
Whole = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
KeptDays = Annotated[int, Meta(ge=1, le=3_650)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Hidden = Annotated[str, Meta(extra={"secret": True})]
"""Text that ``keyturn doctor`` does not show."""

Location = Literal["header", "query", "body"]


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """The port that clients use and what is taken there."""

    host: str = "127.0.0.1"
    """Address to listen on. Set ``0.0.0.0`` or ``::`` to serve the network."""
    port: Port = 8080
    """TCP port; 0 takes any that is free."""
    workers: Annotated[int, Meta(ge=0, le=1024)] = 0
    """Gateway workers; 0 starts one per core."""
    tls_cert: str = ""
    """PEM file with the certificate chain; empty for plain HTTP."""
    tls_key: str = ""
    """PEM file with the certificate's private key."""
    max_head_bytes: Annotated[int, Meta(ge=1024)] = 65_536
    """Largest request line and headers; above it 431."""
    max_headers: Count = 100
    """Most header fields in a request; above it 431."""
    max_body_bytes: Count = 33_554_432
    """Largest request body; above it 413."""
    head_timeout_s: Seconds = 10.0
    """How long a request's head may take to arrive, from its first byte; then 408."""
    body_timeout_s: Seconds = 60.0
    """How long a request's body may take to arrive; then 408."""
    idle_timeout_s: Seconds = 75.0
    """How long an idle keep-alive connection stays open."""
    drain_s: Seconds = 4.0
    """How long requests in flight may go on after SIGTERM or Ctrl-C."""
    trusted_proxies: frozenset[str] = frozenset()
    """Addresses and networks (``10.0.0.0/8``) of reverse proxies that are believed when they say who the client is."""
    proxy_protocol: bool = False
    """Expect the PROXY protocol (version 1 or 2) at the start of every connection, from ``trusted_proxies`` only."""


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a key is needed, and how it may be presented."""

    locations: frozenset[Location] = frozenset({"header", "query", "body"})
    """Where credentials are accepted: any of ``header``, ``query``, ``body``; ``strict`` stands for headers only."""
    required: bool = True
    """Whether a request needs a key. ``false`` lets anonymous calls of models in; a bad key is refused all the same."""
    headers: tuple[str, ...] = ()
    """Names of further headers that carry a key and nothing else, beside ``Authorization``, ``X-API-Key`` and the like."""
    failures_per_minute: Count = 120
    """Refused credentials per address, key and worker that are answered with their reason; above it 429."""
    cached_keys: Count = 50_000
    """Keys that each worker remembers; about 1 KiB each."""


class Relay(Struct, frozen=True, forbid_unknown_fields=True):
    """Connections to providers."""

    connect_timeout_s: Seconds = 10.0
    """How long connecting, TLS included, may take."""
    first_byte_timeout_s: Seconds = 600.0
    """How long a provider may take to begin its answer (the OpenAI SDK waits 600 s)."""
    idle_timeout_s: Seconds = 300.0
    """How long an answer may pause between two pieces."""
    keepalive_s: Seconds = 55.0
    """How long an unused connection to a provider is kept."""
    max_idle: Whole = 512
    """Unused connections kept per provider and worker."""
    proxy: Hidden = ""
    """``http://[user:password@]host:port`` of an HTTP proxy for ``https`` providers; defaults to HTTPS_PROXY."""
    no_proxy: str = ""
    """Hosts reached without the proxy, comma-separated; defaults to NO_PROXY."""


class Routing(Struct, frozen=True, forbid_unknown_fields=True):
    """What comes after an attempt at a provider that has failed, before the client has got a byte."""

    retries: Annotated[int, Meta(ge=0, le=10)] = 1
    """How often an attempt is made again at one target: it could not be reached, died, or answered 408, 409, 429 or 5xx."""
    deadline_s: Seconds = 30.0
    """No attempt begins later than this after the request; one that has begun may take its time."""
    back_off_s: Seconds = 0.25
    """How long the first retry waits; the next waits twice as long. Half of it is left to chance."""
    longest_wait_s: Seconds = 5.0
    """A retry that would have to wait longer, by the provider's ``Retry-After``, is left to the client."""
    cool_after: Count = 3
    """Failures in a row after which a target cools down; other targets are asked first meanwhile."""
    cool_down_s: Seconds = 5.0
    """How long a target cools down; twice as long each time that a request that tries it fails again."""
    longest_cool_down_s: Seconds = 120.0
    """The longest that a target cools down, whatever it says."""
    credential_rest_s: Seconds = 60.0
    """How long a credential is not used that was refused with 401 or 403, while an upstream has others."""


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """How new secrets reach the programs that use them."""

    sinks: frozenset[str] = frozenset()
    """Folders, as absolute paths, below which new secrets may be written to files; empty: nowhere."""


class Journal(Struct, frozen=True, forbid_unknown_fields=True):
    """The files in which workers note usage."""

    segment_bytes: Annotated[int, Meta(ge=4096, le=1 << 30)] = 16_777_216
    """Size of one journal file; allocated ahead, so that a full disk is noticed before a request is let in."""


class Requests(Struct, frozen=True, forbid_unknown_fields=True):
    """The log of single requests, for ``keyturn requests`` and ``keyturn explain``."""

    kept_days: KeptDays = 30
    """How long requests are kept."""


class Usage(Struct, frozen=True, forbid_unknown_fields=True):
    """Sums of usage. Those by the day (UTC) are kept for ever."""

    minutes_kept_days: KeptDays = 31
    """How long sums by the minute are kept; days in a time zone that is not whole hours from UTC are made of them."""
    hours_kept_days: KeptDays = 400
    """How long sums by the hour are kept; days in a time zone are made of them."""


class Vault(Struct, frozen=True, forbid_unknown_fields=True):
    """The secrets that protect the database, for those who keep them elsewhere than in the data directory."""

    pepper: Hidden = ""
    """``pepper-1:HEX``, 64 hexadecimal digits; several are separated by commas, the highest number makes new keys."""
    pepper_file: str = ""
    """A file that holds ``vault.pepper``, such as one that a secret manager mounts."""
    master_key: Hidden = ""
    """``master-1:HEX``, as with the pepper: seals provider credentials and recoverable keys."""
    master_key_file: str = ""
    """A file that holds ``vault.master_key``."""


class Leaks(Struct, frozen=True, forbid_unknown_fields=True):
    """Reports of secret scanners that have found keys in public."""

    public_keys_url: str = ""
    """Where the keys stand that sign reports, in GitHub's format; empty: ``/api/v1/leaks`` takes none."""
    action: Literal["disable", "revoke", "notify"] = "disable"
    """What a report does to a key, beside the event: ``disable``, ``revoke``, or ``notify`` for nothing."""


Action = Literal["log", "notify", "throttle", "quarantine"]
Percent = Annotated[int, Meta(ge=1, le=100)]


class Alerts(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody is told of. ``log``: in the log; ``notify``: an event too; ``throttle``, ``quarantine``: the key as well."""

    thresholds: tuple[Percent, ...] = (50, 80, 100)
    """Percent of a limit, a budget or a credit that are told when they are used; an owner may have others."""
    key_in_browser: Action = "notify"
    """A secret key comes from a page in a browser."""
    usage_spike: Action = "notify"
    """A key uses more than 8 times in half an hour what it uses at that time of the day."""
    spike_floor_tokens: Count = 500_000
    """Tokens in half an hour up to which ``usage_spike`` is silent."""
    spike_floor_cents: Count = 100
    """US cents in half an hour up to which ``usage_spike`` is silent."""
    dearer_model: Action = "notify"
    """A key uses a model that it never did, dearer than all that it did."""
    wake_up: Action = "notify"
    """A key is used after 30 days of rest."""
    dead_key_used: Action = "notify"
    """A revoked, expired or rotated secret is used. ``quarantine`` lets whoever has an old secret stop the key."""
    guessing: Literal["log", "notify"] = "notify"
    """An address sends 20 different bad keys in 5 minutes."""
    scope_probing: Action = "notify"
    """A key is refused 5 different operations in 5 minutes."""
    failing: Action = "notify"
    """Most requests of a key fail, and nearly none did the day before."""
    throttle_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 60
    """How long a throttle lasts."""
    quarantine_first_key: bool = False
    """Whether the first key of the node may be quarantined as well; otherwise it is only told of."""


class Events(Struct, frozen=True, forbid_unknown_fields=True):
    """What ``keyturn events`` and ``keyturn alerts`` show."""

    kept_days: Annotated[int, Meta(ge=1, le=36_500)] = 400
    """How long an event is kept."""


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """What models cost that nobody has priced."""

    unknown: Literal["zero", "refuse", "default"] = "zero"
    """``zero``: they are served and counted as unpriced; ``refuse``: they are not served; ``default``: as below."""
    default_input_usd_per_million: str = ""
    """US dollars for a million tokens of input, as decimal text: ``"5"``; with ``default_output_usd_per_million``."""
    default_output_usd_per_million: str = ""
    """US dollars for a million tokens of output."""


class People(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may sign in to the dashboard, and for how long."""

    session_idle_minutes: Annotated[int, Meta(ge=5, le=43_200)] = 720
    """After how many minutes without a request somebody has to sign in again."""
    session_days: Annotated[int, Meta(ge=1, le=90)] = 14
    """After how many days somebody has to sign in again anyway."""
    url: Annotated[str, Meta(max_length=500)] = ""
    """Where people reach the node, such as ``https://ai.example.com``: links in e-mails begin with it."""
    sign_up: Literal["invite", "open"] = "invite"
    """Who may become a user: ``open``: everybody, with an account of their own; ``invite``: who is invited."""
    sign_up_plan: Annotated[str, Meta(max_length=200)] = ""
    """Plan of the accounts of those who sign up, by name or id; empty for none."""
    terms_url: Annotated[str, Meta(max_length=500)] = ""
    """Where your terms of use stand; the page for signing up links there."""
    terms_required: bool = False
    """Whether nobody signs up without accepting the terms."""


class Smtp(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server for letters to people; without one the operator hands links over."""

    host: str = ""
    """Its name; empty: no e-mail is sent."""
    port: Port = 587
    """TCP port: 587 with ``starttls``, 465 with ``tls``."""
    user: str = ""
    """Whom to sign in as; empty: nobody."""
    password: Hidden = ""
    """Their password."""
    sender: Annotated[str, Meta(max_length=254)] = ""
    """The address that letters come from."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: ``starttls``, ``tls`` from the first byte, or ``none``."""


class Oidc(Struct, frozen=True, forbid_unknown_fields=True):
    """Signing in with an OpenID provider; its redirect address is ``/dashboard/oidc/callback`` on this node."""

    issuer: str = ""
    """The provider, such as ``https://accounts.example.com``; empty: none."""
    client_id: str = ""
    """What the provider calls this node."""
    client_secret: Hidden = ""
    """What the provider gave with it; empty for a public client."""
    name: Annotated[str, Meta(max_length=60)] = "single sign-on"
    """What the button calls it, behind "Sign in with"."""
    allowed_domains: frozenset[str] = frozenset()
    """Domains of e-mail addresses that may sign in, such as ``example.com``; empty: all that the provider knows."""
    provision: bool = False
    """Whether people whom nobody has added become users of the operator's account by signing in."""
    role: Literal["admin", "member", "viewer"] = "member"
    """The role of those who become users so."""


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What the processes print on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    format: Literal["auto", "console", "json"] = "auto"
    """``json``, ``console``, or ``auto``: console on a terminal, JSON elsewhere."""


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Prometheus metrics at ``/metrics``."""

    token: Hidden = ""
    """Bearer token that may read them from other machines; empty: loopback only."""


class Support(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom your users ask."""

    contact: Annotated[str, Meta(max_length=200)] = ""
    """An address or URL that errors and ``/docs`` name, such as ``help@example.com``; empty for none."""
    upgrade_url: Annotated[str, Meta(max_length=500)] = ""
    """Where your users get a larger plan or more credit; refusals for limits and credit name it; empty for none."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data: str = ".keyturn"
    """Data directory: database, journals, secrets and the control socket. Relative to the working directory."""
    server: Server = Server()
    auth: Auth = Auth()
    relay: Relay = Relay()
    routing: Routing = Routing()
    rotation: Rotation = Rotation()
    journal: Journal = Journal()
    requests: Requests = Requests()
    usage: Usage = Usage()
    vault: Vault = Vault()
    leaks: Leaks = Leaks()
    alerts: Alerts = Alerts()
    events: Events = Events()
    prices: Prices = Prices()
    people: People = People()
    smtp: Smtp = Smtp()
    oidc: Oidc = Oidc()
    log: Log = Log()
    metrics: Metrics = Metrics()
    support: Support = Support()
