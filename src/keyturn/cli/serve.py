"""``keyturn serve``: a node in the foreground."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from keyturn import __version__
from keyturn.cli import screen
from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import ConfigOption, DataOption
from keyturn.cli.screen import ANONYMOUS
from keyturn.config.load import load
from keyturn.config.sections import Settings
from keyturn.node.progress import Started
from keyturn.node.supervisor import StartFailed, Supervisor
from keyturn.telemetry import logs

DEMO_MODEL = "demo-chat"
FIRST_MODEL = "gpt-4o-mini"

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def serve(
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Start the demo upstream too; it needs no provider.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on; also KEYTURN_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; also KEYTURN_PORT.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Gateway workers, 0 for one per core; also KEYTURN_WORKERS.")
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificate chain, for HTTPS.")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The certificate's private key.")
    ] = None,
    allow_anonymous_on_network: Annotated[
        bool,
        typer.Option(
            "--allow-anonymous-on-network",
            help="With auth.required = false: let everybody in who reaches the port, not this machine alone.",
        ),
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Start a node and keep it running until Ctrl-C or SIGTERM.

    SIGHUP reads the settings again and replaces every process, without a refused connection.

    Example: `keyturn serve --demo --port 8080`
    """
    flags = {
        "data": data,
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "server.tls_cert": tls_cert,
        "server.tls_key": tls_key,
    }

    def reread() -> tuple[Settings, dict[str, str]]:
        again = load(config=config, flags=flags)
        return again.settings, again.origins

    loaded = load(config=config, flags=flags)
    logs.configure(loaded.settings.log, process="supervisor")
    supervisor = Supervisor(
        loaded.settings,
        Progress(loaded.settings, demo=demo),
        demo=demo,
        origins=loaded.origins,
        provider_keys=loaded.provider_keys,
        reread=reread,
        allow_anonymous=allow_anonymous_on_network,
    )
    try:
        asyncio.run(supervisor.run())
    except StartFailed as error:
        raise CommandFailed(str(error)) from None


class Progress:
    """Shows how the start and the end go on stderr, and what to paste on stdout."""

    def __init__(self, settings: Settings, *, demo: bool) -> None:
        self._settings = settings
        self._demo = demo
        self._console = screen.err()
        self._waiting: list[str] = []
        self._workers = 0
        self._status: Status | None = None

    def starting(self, processes: list[str]) -> None:
        """Say what is being started."""
        self._waiting = list(processes)
        self._workers = sum(map(_is_worker, processes))
        if self._console.is_terminal:
            self._status = self._console.status(self._what_is_missing())
            self._status.start()
        else:
            self._console.print(self._what_is_missing())

    def ready(self, process: str, seconds: float) -> None:
        """Say that a process is ready; of the workers, that all of them are."""
        self._waiting.remove(process)
        if not _is_worker(process):
            self._say(process, seconds)
        elif not any(map(_is_worker, self._waiting)):
            self._say("1 worker" if self._workers == 1 else f"{self._workers} workers", seconds)
        if self._status is not None:
            self._status.update(self._what_is_missing())

    def started(self, node: Started) -> None:
        """Print the addresses and, at the first start, the key."""
        self._end_status()
        welcome(screen.out(), self._settings, node, demo=self._demo)

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._end_status()
        seconds = f"{self._settings.server.drain_s:g} s"
        self._console.print(f"Stopping: requests in flight have {seconds}, Ctrl-C ends them now.")

    def _say(self, what: str, seconds: float) -> None:
        self._console.print(screen.mark(passed=True), Text(f"{what} ready after {seconds:.2f} s"))

    def _what_is_missing(self) -> str:
        names = [name for name in self._waiting if not _is_worker(name)]
        missing = len(self._waiting) - len(names)
        if missing:
            names.append("1 worker" if missing == 1 else f"{missing} workers")
        return f"Starting {', '.join(names)} …" if names else "Starting …"

    def _end_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _is_worker(process: str) -> bool:
    return process.startswith("worker")


def base_address(settings: Settings, port: int) -> str:
    """Return the address under which a client on this machine finds the node."""
    host = settings.server.host
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "127.0.0.1"
        elif address.version == 6:
            host = f"[{host}]"
    return f"{'https' if settings.server.tls_cert else 'http'}://{host}:{port}"


def welcome(console: Console, settings: Settings, node: Started, *, demo: bool) -> None:
    """Print what the operator needs next. This is the only place that ever shows the first key."""
    base = base_address(settings, node.port)
    key = node.first_key.reveal() if node.first_key is not None else None
    lines: list[tuple[str, str]] = [("Base URL", f"{base}/v1"), ("API and docs", f"{base}/docs")]
    if key is not None:
        lines.insert(0, ("API key", f"{key}   (shown this once; keep it)"))
    else:
        lines.append(("New key", "keyturn keys create NAME"))
    if node.setup_token is not None:
        link = f"{base}/dashboard/setup#{node.setup_token.reveal()}"
        lines.append(("Dashboard", f"{link}   (works once, for a day)"))
    else:
        lines.append(("Dashboard", f"{base}/dashboard"))
    title = f"Keyturn {__version__} is ready after {node.seconds:.1f} s"
    _print(console, ["", title, ""], style="bold green")
    _print(console, [f"  {name:<14}{value}" for name, value in lines])
    if not settings.auth.required:
        _print(console, ["", f"  Warning: {ANONYMOUS}"], style="yellow")
    if key is not None:
        _print(console, ["", curl(base, key, DEMO_MODEL if demo else FIRST_MODEL), ""])
    else:
        _print(console, [""])


def curl(base: str, key: str, model: str) -> str:
    """Return a line that can be pasted into a shell."""
    body = f'{{"model":"{model}","messages":[{{"role":"user","content":"Hello!"}}]}}'
    headers = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    return f"curl {base}/v1/chat/completions {headers} -d '{body}'"


def _print(console: Console, lines: Sequence[str], style: str | None = None) -> None:
    """Print lines as they are: a wrapped command can't be pasted."""
    for line in lines:
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
