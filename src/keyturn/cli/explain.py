"""``keyturn explain``: what happened to one request."""

from typing import Annotated

import msgspec
import typer
from rich.console import RenderableType
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Bodies, Body, Request
from keyturn.cli.connection import Answer, Node, on_node, segment
from keyturn.cli.key_simulate import check_rows
from keyturn.system import now

BAR_WIDTH = 40
COLOURS = {"key check": "green", "to upstream": "cyan", "first byte": "yellow", "answer": "blue"}
SOURCES = {
    "reported": "as the upstream reported",
    "estimated": "estimated from the size: the upstream did not report it",
    "recovered": "a process died in mid-request: its reservation stands in",
}

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@on_node
def explain(
    node: Node,
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="`x-request-id` of the answer.")],
    *,
    bodies: Annotated[
        bool,
        typer.Option(
            "--bodies",
            help="What was asked and answered too, if its project keeps that; noted in the audit log.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what happened to a recent request, and why.

    That is each check, where it went, how long it took, what it used and cost.

    Example: `keyturn explain req_1MtO0kW2bXyZ4cQe8RfA`
    """
    path = f"/api/v1/requests/{segment(request_id)}"
    answer = node.get(path)
    kept = node.get(f"{path}/bodies") if bodies else None
    if as_json:
        screen.print_json(bytes(answer.data) if kept is None else _with_bodies(answer, kept))
        return
    request = answer.read(Request)
    console = screen.out()
    console.print(screen.facts(_facts(request)))
    console.print(screen.facts(check_rows(request.checks)))
    if request.total_us:
        console.print(_timing(request))
    if kept is not None:
        found = kept.read(Bodies)
        for name, body in (("request", found.request), ("answer", found.answer)):
            console.print(Text(f"\n{name} body{_remark(body)}", "bold"))
            console.print(Text("\n").join(map(screen.clean, body.content.split("\n"))), soft_wrap=True)


def _with_bodies(request: Answer, kept: Answer) -> bytes:
    members = request.read(dict[str, msgspec.Raw])
    return msgspec.json.encode({**members, "bodies": kept.data})


def _remark(body: Body) -> str:
    remarks = [*(["in base64"] if body.encoding == "base64" else []), *(["cut off"] if body.cut else [])]
    return f" ({', '.join(remarks)})" if remarks else ""


def _facts(request: Request) -> list[tuple[str, RenderableType]]:
    colour = "green" if request.status < 400 else "red"
    outcome = (request.outcome or request.reason).replace("_", " ")
    rows: list[tuple[str, RenderableType]] = [
        ("request", screen.clean(request.request_id)),
        (
            "status",
            Text.assemble(
                (str(request.status or ""), colour), " " if request.status else "", screen.clean(outcome)
            ),
        ),
    ]
    optional = (
        ("why", request.detail),
        ("when", _when(request.started_at)),
        ("operation", f"{request.operation} {request.path}".strip()),
        ("key", _who(request)),
        ("sent in", request.location),
        ("from", request.address),
        ("model", request.model),
        ("target", _target(request)),
    )
    rows += [(name, screen.clean(text)) for name, text in optional if text]
    if request.attempts:
        rows.append(("attempts", _attempts(request)))
    if request.usage_source:
        rows += _use(request)
    return rows


def _attempts(request: Request) -> Text:
    """Show each attempt on a line of its own."""
    text = Text()
    for number, one in enumerate(request.attempts):
        text.append("\n" if number else "")
        text.append(one.outcome, "green" if one.outcome == "ok" else "red")
        text.append(f" {screen.clean(one.target).plain}, {screen.duration(one.took_ms * 1000)}")
    return text


def _use(request: Request) -> list[tuple[str, RenderableType]]:
    tokens = f"{request.input_tokens:,} in, {request.output_tokens:,} out"
    cached = f", {request.cached_tokens:,} of the input cached" if request.cached_tokens else ""
    thought = f", {request.reasoning_tokens:,} of the output reasoning" if request.reasoning_tokens else ""
    source = SOURCES.get(request.usage_source, "")
    note = f" ({source})" if source else ""
    cost = screen.dollars(request.cost_usd or "0") if request.priced else "the model has no price"
    units = (
        (request.images, f"{request.images:,} images"),
        (request.audio_ms, f"{request.audio_ms / 1000:,.1f} s of audio"),
        (request.characters, f"{request.characters:,} characters spoken"),
    )
    beside = ", ".join(text for count, text in units if count)
    rows: list[tuple[str, RenderableType]] = [("tokens", tokens + cached + thought + note)]
    if beside:
        rows.append(("beside", beside))
    rows.append(("cost", cost))
    if request.price_id:
        rows.append(("price", screen.clean(request.price_id)))
    return rows


def _timing(request: Request) -> Text:
    """Draw how the time was spent; a phase that never came has no part."""
    marks = [0, request.auth_us, request.sent_us, request.first_byte_us, request.total_us]
    phases = []
    since = 0
    for name, until in zip(COLOURS, marks[1:], strict=True):
        if until > since or name == "key check":
            phases.append((name, max(0, until - since)))
            since = max(since, until)
    text = Text()
    for name, spent in phases:
        cells = max(1, round(BAR_WIDTH * spent / request.total_us))
        text.append("█" * cells, COLOURS[name])
    text.append(f"  {screen.duration(request.total_us)}\n", "bold")
    for name, spent in phases:
        text.append("■ ", COLOURS[name])
        text.append(f"{name} {screen.duration(spent)}   ")
    return text


def _when(moment: str | None) -> str:
    return f"{moment} ({screen.ago(moment, now())})" if moment else ""


def _who(request: Request) -> str:
    if not request.key_id:
        return ""
    return f"{request.key_name} ({request.key_id})" if request.key_name else request.key_id


def _target(request: Request) -> str:
    if not request.upstream:
        return ""
    streamed = ", streamed" if request.streamed else ""
    return f"{request.upstream}: {request.upstream_model}{streamed}"
