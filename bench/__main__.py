"""Run the benchmark: ``python -m bench [--quick] [--only plain,streams]``."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import key_check, machine, parts, processes, report, subjects
from bench.parts import Plan
from bench.results import Results
from bench.subjects import Failure

ROOT = Path(__file__).resolve().parent.parent
SAVED = ROOT / "bench" / "results"
PIPED_WIDTH = 110


def run(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Short rounds, for comparing while tuning.")] = False,
    only: Annotated[
        str, typer.Option(help="Parts, separated by commas: " + ", ".join(parts.ALL) + ".")
    ] = ",".join(parts.ALL),
    subject: Annotated[str, typer.Option("--subjects", help="Subjects, separated by commas.")] = ",".join(
        subjects.ALL
    ),
    workers: Annotated[int, typer.Option(help="Workers of nginx and Keyturn; 0: half of the cores.")] = 0,
    long: Annotated[
        bool, typer.Option("--long", help="A million requests for the memory, ten million for the pages.")
    ] = False,
    docs: Annotated[
        bool, typer.Option("--docs", help="Write docs/benchmarks.md although parts are missing.")
    ] = False,
) -> None:
    """Measure Keyturn beside nginx and the bare upstream, in one run, on this machine.

    Results go to bench/results; a run with all parts at full length also writes docs/benchmarks.md.
    """
    chosen = _chosen(only, parts.ALL, "part")
    names = _chosen(subject, subjects.ALL, "subject")
    processes.raise_open_files()
    results = Results(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=quick,
        workers=workers or max(1, (os.cpu_count() or 1) // 2),
        machine=machine.describe(),
    )
    screen = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    failed = _measure(results, chosen, names, long=long, screen=screen)
    SAVED.mkdir(exist_ok=True)
    saved = SAVED / f"{results.taken_at.replace(':', '')}.json"
    saved.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    report.show(results, screen)
    for part, failure in failed.items():
        Console(stderr=True).print(f"{part}: {failure}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)
    if docs or (not quick and chosen == list(parts.ALL) and names == list(subjects.ALL)):
        report.write(results, ROOT / "docs")
        screen.print("written: docs/benchmarks.md, docs/benchmarks.svg")


def _chosen(text: str, known: Iterable[str], kind: str) -> list[str]:
    names = list(known)
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise typer.BadParameter(f"no such {kind}: {', '.join(unknown)}; there are {', '.join(names)}")
    return [name for name in names if name in asked]


def _measure(
    results: Results, chosen: list[str], names: list[str], *, long: bool, screen: Console
) -> dict[str, Failure]:
    """Measure part after part; return those that failed: what the others found is kept."""
    failed: dict[str, Failure] = {}
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("")
        quick = results.quick
        plan = Plan(
            names=names,
            workers=results.workers,
            rounds=3 if quick else 5,
            plain_s=1 if quick else 4,
            streams_each=2 if quick else 5,
            latency_s=2 if quick else 8,
            memory_requests=1_000_000 if long else (50_000 if quick else 200_000),
            keys=100_000 if quick else key_check.KEYS,
            page_requests=10_000_000 if long else (100_000 if quick else 1_000_000),
            note=lambda text: progress.update(task, description=text),
            step=lambda: progress.advance(task),
        )
        progress.update(task, total=sum(map(plan.steps, chosen)))
        for part in chosen:
            try:
                parts.ALL[part](plan, results)
            except Failure as failure:
                failed[part] = failure
    return failed


if __name__ == "__main__":
    typer.run(run)
