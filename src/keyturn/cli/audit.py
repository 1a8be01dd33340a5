"""``keyturn audit``: who changed what, and whether anybody has meddled with what is written of it."""

import sqlite3
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen, since as since_when, whole_file
from keyturn.cli.answers import AuditEntry, AuditProblem, AuditVerdict
from keyturn.cli.connection import Node, connect, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import ConfigOption, DataOption, KeyOption, UrlOption
from keyturn.config.data_directory import DataDirectory
from keyturn.config.load import load
from keyturn.services import audit as chain, checkpoints
from keyturn.services.checkpoints import Checkpoint, CheckpointError
from keyturn.store.audit_file import entries_in
from keyturn.system import now

PATH = "/api/v1/audit"
NOTHING: tuple[object, ...] = (None, False, "", [], {})
"""What a new thing has where nobody said anything; a table leaves it out."""
LONGEST_VALUE = 60
"""Characters of a value that a table shows."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show who changed what, and prove that nobody has touched the record.\n\nExample: `keyturn audit show`",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Target = Annotated[str | None, typer.Option(help="Only what was done to this: an id, or a name.")]
Actor = Annotated[str | None, typer.Option(help="Only what `operator`, `scheduler` or a key's id did.")]
Action = Annotated[str | None, typer.Option(help="Only this, such as `key.disable`.")]
Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Only from then on: 24h, 7d, or an RFC 3339 date.")
]


class Format(StrEnum):
    """How entries are written to a file."""

    CSV = "csv"
    JSONL = "jsonl"


@app.command()
@on_node
def show(
    node: Node,
    *,
    target: Target = None,
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, newest first.

    Example: `keyturn audit show --since 7d --action key.disable`
    """
    wanted = {"target": target, "actor": actor, "action": action, "since": since_when.moment(since, now())}
    answer = node.get(PATH, **wanted, limit=limit)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(list[AuditEntry])
    at = now()
    rows = [
        (
            str(entry.seq),
            screen.ago(entry.at, at),
            screen.clean(entry.actor or "nobody known"),
            screen.clean(entry.action),
            screen.clean(entry.target or screen.NOTHING),
            _difference(entry.before, entry.after),
        )
        for entry in found
    ]
    columns = ("number", "when", "who", "action", "target", "change")
    laid_out = screen.table(columns, rows, right=("number",), spare=("number", "when"))
    screen.listing(laid_out, "Nothing is written, as far as these filters see.")


@app.command()
@on_node
def export(
    node: Node,
    *,
    target: Target = None,
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only before, in the same words.")] = None,
    written: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.CSV,
    out: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write it to this file instead of printing it."),
    ] = None,
) -> None:
    """Write all entries, newest first, with their hashes: `before` and `after` stand there as they are hashed.

    The file is there when all of it is written, and not before; nobody else can read it.

    Example: `keyturn audit export --since 30d --format jsonl --output audit.jsonl`
    """
    at = now()
    asked = {
        "format": written.value,
        "target": target,
        "actor": actor,
        "action": action,
        "since": since_when.moment(since, at),
        "until": since_when.moment(until, at),
    }
    if out is None:
        node.pour(f"{PATH}/export", sys.stdout.buffer, **asked)
        return
    with whole_file.writing(out) as file:
        node.pour(f"{PATH}/export", file, **asked)
    screen.err().print(screen.mark(passed=True), "The audit log is in", screen.clean(str(out)))


@app.command()
def verify(
    *,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with checkpoints that were kept elsewhere."),
    ] = None,
    public_key: Annotated[
        str,
        typer.Option(metavar="HEX", help="Who must have signed them: from `audit checkpoint --public-key`."),
    ] = "",
    database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read this database file and ask no node."),
    ] = None,
    as_json: AsJson = False,
    node_data: DataOption = None,
    node_config: ConfigOption = None,
    node_url: UrlOption = None,
    node_key: KeyOption = None,
) -> None:
    """Follow the audit log from its first entry and say whether one was changed, removed, moved or cut off.

    It reads the database itself, beside a running node or without one; with `--url`, the node there does it.
    Without `--checkpoint` nobody can be sure that the end was not cut off.

    Example: `keyturn audit verify --checkpoint checkpoints.jsonl`
    """
    if public_key and checkpoint is None:
        raise CommandFailed("--public-key is about a checkpoint; give --checkpoint too")
    noted = _read_checkpoints(checkpoint, public_key) if checkpoint is not None else []
    loaded = load(config=node_config, flags={"data": node_data})
    if database is None and (node_url or loaded.client.url) and node_data is None:
        with connect(loaded, node_url, node_key) as node:
            verdict = _ask(node, noted)
    else:
        data = DataDirectory(loaded.settings.data)
        verdict = _read(data.database if database is None else database, noted)
    if as_json:
        screen.print_json(msgspec.json.encode(verdict))
    if verdict.problem is not None:
        raise CommandFailed(f"the audit log was touched: {verdict.problem.text}")
    if not as_json:
        seen_by = "a checkpoint" if len(noted) == 1 else f"{len(noted):,} checkpoints"
        compared = f", and as {seen_by} saw it" if noted else ""
        screen.out().print(
            screen.mark(passed=True), f"{verdict.count:,} entries, each as it was written{compared}."
        )
        if not noted:
            words = "Compared with no checkpoint that was kept elsewhere: a forged log may pass. See --checkpoint."
            screen.err().print(words)


@app.command()
@on_node
def checkpoint(
    node: Node,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add the checkpoint to this file instead of printing it."),
    ] = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the key that checks checkpoints, and make none.")
    ] = False,
) -> None:
    """Note, signed, how far the audit log goes. Keep it where whoever runs the node can't change it.

    Example: `keyturn audit checkpoint --out checkpoints.jsonl`
    """
    if public_key:
        sys.stdout.write(f"{node.get(f'{PATH}/checkpoint').read(_State).public_key}\n")
        return
    made = node.call("POST", f"{PATH}/checkpoint").read(Checkpoint)
    if out is None:
        sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
        return
    try:
        checkpoints.append(out, made)
    except OSError as error:
        raise CommandFailed(f"{out} can't be written: {error.strerror or error}") from None
    screen.err().print(
        screen.mark(passed=True), f"Checkpoint at entry {made.seq:,} added to", screen.clean(str(out))
    )


class _State(msgspec.Struct, frozen=True):
    public_key: str


def _read_checkpoints(path: Path, public_key: str) -> list[Checkpoint]:
    try:
        return checkpoints.read(path.read_bytes().splitlines(), public_key=public_key.strip().lower())
    except OSError as error:
        raise CommandFailed(f"{path} can't be read: {error.strerror or error}") from None
    except CheckpointError as error:
        raise CommandFailed(f"{path}: {error}") from None


def _ask(node: Node, noted: list[Checkpoint]) -> AuditVerdict:
    """Have a node look; of several checkpoints the furthest says everything that the others say."""
    furthest = max(noted, key=lambda one: one.seq, default=None)
    query: dict[str, str | int] = {} if furthest is None else {"seq": furthest.seq, "hash": furthest.hash}
    return node.get(f"{PATH}/verify", **query).read(AuditVerdict)


def _read(path: Path, noted: list[Checkpoint]) -> AuditVerdict:
    """Look into a database file; the node's own last checkpoint beside it counts too, as long as somebody left it there."""
    own = checkpoints.newest(path.with_name(DataDirectory(path.parent).audit_checkpoints.name))
    known = noted if own is None else [own, *noted]
    try:
        verdict = chain.verify(entries_in(path), known)
    except FileNotFoundError:
        raise CommandFailed(f"there is no database {path}") from None
    except sqlite3.Error as error:
        raise CommandFailed(f"the audit log in {path} can't be read: {error}") from None
    found = verdict.problem
    problem = None if found is None else AuditProblem(found.seq, found.damage.value, found.text)
    return AuditVerdict(problem is None, verdict.count, verdict.hash, problem)


def _difference(before: object, after: object) -> Text:
    """Show what changed, a member a line."""
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    lines = []
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old and new[name] in NOTHING:
            continue
        if name not in old:
            lines.append(Text.assemble(f"{name} ", (_shown(new[name]), "green")))
        elif name not in new:
            lines.append(Text.assemble(f"{name} ", (_shown(old[name]), "red")))
        elif old[name] != new[name]:
            lines.append(
                Text.assemble(f"{name} ", (_shown(old[name]), "red"), " → ", (_shown(new[name]), "green"))
            )
    return Text("\n").join(lines)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = screen.clean(text or '""').plain
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
