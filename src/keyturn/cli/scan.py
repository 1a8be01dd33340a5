"""``keyturn scan``: find keys where none should be."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from keyturn.cli import scan_sources as sources, screen
from keyturn.cli.connection import Node, connect
from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import ConfigOption, DataOption, KeyOption, UrlOption
from keyturn.cli.scan_sources import Found, Moved, Unreadable
from keyturn.config.load import load
from keyturn.domain.scan_rules import Scheme, rules

STANDARD_INPUT = "-"

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Result(msgspec.Struct, omit_defaults=True):
    """A find, as it is printed; never with the key."""

    path: str
    line: int
    column: int
    display: str
    commit: str = ""
    live: bool | None = None
    code: str = ""


class _Verified(msgspec.Struct, frozen=True):
    valid: bool
    code: str


@app.command()
def scan(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]…", help="Files and folders; `-` is standard input."),
    ] = None,
    *,
    git: Annotated[
        bool,
        typer.Option("--git", help="Look through the whole history of the repository at PATH (or here)."),
    ] = False,
    staged: Annotated[
        bool, typer.Option("--staged", help="Look at what is staged for the next commit; for a hook of git.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Ask the node whether what was found works; that counts as a use."),
    ] = False,
    for_program: Annotated[
        Scheme | None, typer.Option("--rules", help="Print rules for another program instead of looking.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    node_data: DataOption = None,
    node_config: ConfigOption = None,
    node_url: UrlOption = None,
    node_key: KeyOption = None,
) -> None:
    """Find keys in files, in standard input, or in the history of a git repository; never shows them.

    A key is recognised by its checksum, so that nothing else is taken for one. A line with `keyturn:allow` is passed
    over. The exit status is 0 when nothing is found and 1 when something is.

    Example: `keyturn scan .`
    """
    if for_program is not None:
        sys.stdout.write(rules(for_program))
        return
    if git + staged + bool(paths and not git) != 1:
        raise typer.BadParameter("name files or folders, or `-`, or --git, or --staged")
    with _progress() as progress:
        found = list(_look(paths or [], progress, git=git, staged=staged))
    results = [_result(one) for one in found if isinstance(one, Found)]
    if verify and results:
        loaded = load(config=node_config, flags={"data": node_data})
        with connect(loaded, node_url, node_key) as node:
            _verify(node, [one for one in found if isinstance(one, Found)], results)
    _print(results, as_json=as_json)
    for one in found:
        if isinstance(one, Unreadable):
            screen.err().print(screen.clean(f"{one.path} could not be read: {one.why}"))
    if len(found) > len(results):
        raise CommandFailed("not everything could be read")
    if results:
        raise typer.Exit(1)


def _look(paths: list[Path], progress: Progress, *, git: bool, staged: bool) -> Iterator[Found | Unreadable]:
    task = progress.add_task("Looking", total=None)

    def moved(count: int) -> None:
        progress.advance(task, count)

    if staged:
        yield from sources.staged(moved)
    elif git:
        for repository in paths or [Path()]:
            yield from sources.history(repository, moved)
    else:
        yield from _look_at_files(paths, progress, moved)


def _look_at_files(paths: list[Path], progress: Progress, moved: Moved) -> Iterator[Found | Unreadable]:
    named = [path for path in paths if str(path) != STANDARD_INPUT]
    files = list(sources.files_under(named))
    if len(named) == len(paths):
        progress.update(progress.task_ids[0], total=sum(size for _, size in files))
    for path, _ in files:
        yield from sources.scan_file(path, moved)
    if len(named) < len(paths):
        for leak in sources.scan_stream(sys.stdin.buffer, moved):
            yield Found("(standard input)", leak)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = screen.err()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _result(found: Found) -> Result:
    leak = found.leak
    return Result(found.path, leak.line, leak.column, leak.display, found.commit)


def _verify(node: Node, found: list[Found], results: list[Result]) -> None:
    """Add to each result whether its key works; each key is asked for once."""
    known: dict[str, _Verified] = {}
    for one, result in zip(found, results, strict=True):
        text = one.leak.secret.reveal()
        if text not in known:
            known[text] = node.call("POST", "/api/v1/keys/verify", body={"key": text}).read(_Verified)
        result.live, result.code = known[text].valid, known[text].code


def _print(results: list[Result], *, as_json: bool) -> None:
    if as_json:
        screen.print_json(msgspec.json.encode(results))
        return
    console = screen.out()
    for one in results:
        commit = f"{one.commit[:12]}:" if one.commit else ""
        state = "" if one.live is None else ("  it works" if one.live else f"  {one.code}")
        line = screen.clean(f"{commit}{one.path}:{one.line}:{one.column}: {one.display}")
        with contextlib.suppress(BrokenPipeError):
            console.print(line.append(state, "red" if one.live else "bright_black"), soft_wrap=True)
    if results:
        counted = "1 key" if len(results) == 1 else f"{len(results):,} keys"
        screen.err().print(f"{counted} found. Whoever has one can use it: revoke it, then clean up.")
