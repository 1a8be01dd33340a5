"""``keyturn doctor``: settings, processes, and what is wrong."""

import resource
import stat
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import NodeState
from keyturn.cli.connection import connect
from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import ConfigOption, DataOption, KeyOption, UrlOption
from keyturn.config.data_directory import DataDirectory
from keyturn.config.load import Loaded, load
from keyturn.node.data_lock import holder
from keyturn.system import is_locked, now

FEW_FILES = 10_000
"""A connection is an open file; below this, busy nodes run out of them."""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Report(msgspec.Struct, frozen=True):
    """What was found."""

    settings: list[tuple[str, str, str]]
    """Path, value, origin."""
    node: NodeState | None
    supervisor_pid: int
    """0 when it is on another machine or does not run."""
    open_files: int
    problems: list[str]
    warnings: list[str] = []
    """What is meant to be so, perhaps, and should be known."""


@app.command()
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Show the settings, the state of each process, and what is wrong.

    Each setting stands beside where it came from. Works without a node, too. The exit status is 1 when something is wrong.

    Example: `keyturn doctor`
    """
    loaded = load(config=config, flags={"data": data})
    report = examine(loaded, url, key)
    if as_json:
        screen.print_json(msgspec.json.encode(report))
    else:
        _show(screen.out(), report)
    if report.problems:
        raise typer.Exit(1)


def examine(loaded: Loaded, url: str | None = None, key: str | None = None) -> Report:
    """Look at everything.

    Args:
        loaded: The settings.
        url: A node on another machine.
        key: A management key for it.
    """
    problems: list[str] = []
    node: NodeState | None = None
    try:
        with connect(loaded, url, key) as connection:
            node = connection.get("/api/v1/node").read(NodeState)
    except CommandFailed as error:
        problems.append(str(error))
    is_local = not url and not loaded.client.url
    supervisor = _supervisor(loaded) if is_local else 0
    files = _open_files(supervisor)
    if is_local:
        problems += _local_problems(loaded, supervisor, files)
    if node is not None:
        problems += _node_problems(node)
    settings = loaded.table()
    if (
        node is not None and node.settings
    ):  # what the node runs with, which is not always what would be read now
        settings = [(one.path, one.value, one.origin) for one in node.settings]
    return Report(settings, node, supervisor, files, problems, _warnings(settings))


def _supervisor(loaded: Loaded) -> int:
    data = DataDirectory(loaded.settings.data)
    return holder(data) if is_locked(data.supervisor_pid) else 0


def _open_files(pid: int) -> int:
    """Return the limit of the node's processes, or of this one where that can't be asked."""
    try:
        limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except (AttributeError, OSError):
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit


def _local_problems(loaded: Loaded, supervisor: int, files: int) -> list[str]:
    found = []
    if supervisor and files < FEW_FILES:
        found.append(
            f"the node may open {files:,} files only; raise the limit with ulimit -Hn or LimitNOFILE="
        )
    root = DataDirectory(loaded.settings.data).root
    if root.exists() and stat.S_IMODE(root.stat().st_mode) & 0o077:
        found.append(
            f"other users can look into {loaded.settings.data}; run: chmod 700 {loaded.settings.data}"
        )
    return found


def _node_problems(node: NodeState) -> list[str]:
    """Return what the node says is wrong, and what can be seen from the state of its workers."""
    found = list(node.problems)
    told = " ".join(found)
    found += [
        f"{worker.name} (process {worker.pid}) is not connected to the control process"
        for worker in node.workers
        if not worker.connected and worker.name not in told
    ]
    return found


def _warnings(settings: list[tuple[str, str, str]]) -> list[str]:
    values = {path: value for path, value, _ in settings}
    return [screen.ANONYMOUS] if values.get("auth.required") == str(False) else []


def _show(console: Console, report: Report) -> None:
    rows = [
        (path, screen.clean(value), Text(origin, style="bright_black" if origin == "default" else "cyan"))
        for path, value, origin in report.settings
    ]
    console.print(screen.table(("setting", "value", "from"), rows))
    if report.node is not None:
        _show_node(console, report.node, report)
    for warning in report.warnings:
        console.print(Text("!", style="yellow"), screen.clean(warning), soft_wrap=True)
    if not report.problems:
        console.print(screen.mark(passed=True), Text("Nothing is wrong."))
    for problem in report.problems:
        console.print(screen.mark(passed=False), screen.clean(problem), soft_wrap=True)


def _show_node(console: Console, node: NodeState, report: Report) -> None:
    started = screen.ago(node.started_at, now())
    limit = "unlimited" if report.open_files == resource.RLIM_INFINITY else f"{report.open_files:,}"
    facts = [("node", f"Keyturn {node.version}, started {started}")]
    if report.supervisor_pid:
        facts += [("supervisor", f"process {report.supervisor_pid}"), ("open files", f"at most {limit}")]
    console.print(screen.facts(facts))
    rows: list[tuple[str | Text, ...]] = [
        (
            screen.dot("active"),
            "control",
            str(node.control.pid),
            screen.size(node.control.resident_bytes),
            "",
            "",
            "",
        )
    ]
    rows += [
        (
            screen.dot("active" if worker.connected else "disconnected"),
            screen.clean(worker.name),
            str(worker.pid),
            screen.size(worker.resident_bytes),
            f"{worker.requests:,}",
            f"{worker.open_connections:,}",
            screen.size(worker.journal_bytes_behind),
        )
        for worker in node.workers
    ]
    columns = ("state", "process", "pid", "memory", "requests", "connections", "not yet stored")
    console.print(screen.table(columns, rows, right=columns[2:]))
