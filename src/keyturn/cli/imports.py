"""``keyturn import``: keys of other systems, whose holders keep their secrets."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import RenderableType
from rich.progress import Progress

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.limit_options import written
from keyturn.domain import foreign_keys
from keyturn.domain.foreign_files import Numbered, UnreadableFileError, rows
from keyturn.domain.foreign_keys import BadRowError, ForeignKey, Shape, Skipped, Source

PATH = "/api/v1/keys/import"
TIMEOUT_S = 300.0
SHOWN_PROBLEMS = 20
BIG = 2_000
"""Rows from which on a bar shows how far the reading is."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    help="Take over keys from LiteLLM, Unkey, one-api or OpenRouter, so that their holders keep them.",
)


class Result(msgspec.Struct, frozen=True):
    """What the node did."""

    project_id: str
    imported: int
    duplicates: int
    dry_run: bool


class _Read(msgspec.Struct):
    """What a file came to."""

    keys: list[ForeignKey] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    not_carried: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = []


@app.command("import")
@on_node
def take_over(
    node: Node,
    source: Annotated[
        Source, typer.Argument(metavar="SYSTEM", help="litellm, unkey, one-api or openrouter.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Its keys: JSON, JSON Lines, CSV or a COPY dump.")
    ],
    *,
    project: Annotated[str | None, typer.Option(help="Project that the keys shall belong to.")] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PREFIX:LENGTH",
            help="What the secrets look like, where not as usual: `sk-:40` in all 40 long.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take over keys from LiteLLM, Unkey, one-api or OpenRouter, so that their holders keep them.

    All keys of the file are taken over or, if a row can't be read, none. Those that are here already are skipped.

    Example: `keyturn import litellm keys.csv --dry-run`
    """
    shapes = tuple(_shape(text) for text in shape or ())
    found = _read(source, file)
    if found.problems:
        console = screen.err()
        for problem in found.problems[:SHOWN_PROBLEMS]:
            console.print(screen.clean(problem), soft_wrap=True)
        raise CommandFailed(f"{len(found.problems)} of the rows can't be taken over, so none was")
    if not found.keys:
        raise CommandFailed(f"{file} has no keys in use")
    with screen.err().status(f"Sending {len(found.keys):,} keys …"):
        body = _body(source, found.keys, shapes) | {"project_id": project or "", "dry_run": dry_run}
        answer = node.call("POST", PATH, body=body, timeout_s=TIMEOUT_S)
    _show(answer.read(Result), found, as_json=as_json)


def _read(source: Source, file: Path) -> _Read:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CommandFailed(f"{file} can't be read: {why}") from None
    found = _Read()
    try:
        for numbered in _watched(text):
            try:
                key = foreign_keys.read(source, numbered.row)
            except BadRowError as error:
                found.problems.append(f"line {numbered.line}: {error}")
                continue
            if isinstance(key, Skipped):
                found.skipped[key.why] += 1
            else:
                found.keys.append(key)
                found.not_carried.update(key.not_carried)
    except UnreadableFileError as error:
        raise CommandFailed(f"{file}: {error}") from None
    return found


def _watched(text: str) -> Iterator[Numbered]:
    """Read rows, with a bar where it takes a while and somebody looks."""
    total = text.count("\n")
    console = screen.err()
    if total < BIG or not console.is_terminal:
        yield from rows(text)
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Reading", total=total)
        for number, numbered in enumerate(rows(text)):
            if number % BIG == 0:
                progress.update(task, completed=numbered.line)
            yield numbered


def _shape(text: str) -> Shape:
    prefix, separator, length = text.rpartition(":")
    if not separator or not length.isascii() or not length.isdigit():
        raise CommandFailed(f"--shape {text}: write PREFIX:LENGTH, such as sk-:40")
    found = (prefix, int(length))
    problem = foreign_keys.problem_with_shape(found)
    if problem is not None:
        raise CommandFailed(f"--shape {text}: {problem}")
    return found


def _body(source: Source, keys: list[ForeignKey], given: tuple[Shape, ...]) -> dict[str, object]:
    """Write the keys as the API takes them; a shape is sent once, because there are many keys to it."""
    known_by_text = source is Source.ONE_API
    places: dict[Shape, int] = {}
    sent = []
    for key in keys:
        shapes = key.shapes if known_by_text or not given else given
        one: dict[str, object] = {
            "digest": key.digest.hex(),
            "name": key.name,
            "display": key.display,
            "shapes": [places.setdefault(shape, len(places)) for shape in shapes],
        }
        if key.expires_at_ms is not None:
            one["expires_at"] = datetime.fromtimestamp(key.expires_at_ms / 1000, UTC)
        if not key.enabled:
            one["enabled"] = False
        sent.append(one | {name: value for name, value in _lists(key).items() if value})
    shown = [{"prefix": prefix, "length": length} for prefix, length in places]
    return {"source": source.value, "shapes": shown, "keys": sent}


def _lists(key: ForeignKey) -> dict[str, object]:
    limits = [written(limit) for limit in key.limits]
    return {"models": key.models, "ip": key.ip, "metadata": key.metadata, "limits": limits}


def _show(result: Result, found: _Read, *, as_json: bool) -> None:
    skipped, not_carried = dict(found.skipped), dict(sorted(found.not_carried.items()))
    if as_json:
        extra = {"skipped": skipped, "not_carried": not_carried}
        screen.print_json(msgspec.json.encode(msgspec.to_builtins(result) | extra))
        return
    lines: list[tuple[str, RenderableType]] = [
        ("would be imported" if result.dry_run else "imported", f"{result.imported:,}"),
        ("known already", f"{result.duplicates:,}"),
        ("project", screen.clean(result.project_id)),
        *((f"skipped: {why}", f"{count:,}") for why, count in skipped.items()),
        *((f"not carried over: {what}", f"set in {count:,}") for what, count in not_carried.items()),
    ]
    screen.out().print(screen.facts(lines))
