"""``keyturn upstreams``: connections to the providers that run models."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Upstream, UpstreamTest
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.config.load import variable
from keyturn.system import now

PATH = "/api/v1/upstreams"
SHOWN_MODELS = 6

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Connect the node to the providers that run models.\n\nExample: `keyturn upstreams list`",
)

Named = Annotated[str, typer.Argument(metavar="NAME", help="The upstream's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@on_node
def add(
    node: Node,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Small letters, digits and hyphens; yours to choose.")
    ],
    *,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER", help="Who it is, as `keyturn providers` lists them; also told by NAME."
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Where its API begins, mostly with `/v1`; without this the provider's own address."
        ),
    ] = None,
    api_key_env: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key-env",
            metavar="VAR",
            help="The variable that holds the provider's API key.",
        ),
    ] = None,
    api_key_file: Annotated[
        list[Path] | None,
        typer.Option("--api-key-file", metavar="FILE", help="A file that holds its API key."),
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Its models; without this it is asked for them.")
    ] = None,
) -> None:
    """Add a provider. Its key is stored encrypted, and its models can be used at once; several keys stand in for each other.

    Example: `keyturn upstreams add anthropic --api-key-env ANTHROPIC_API_KEY`
    """
    body: dict[str, object] = {"name": name}
    if provider is not None:
        body["provider"] = provider
    if base_url is not None:
        body["base_url"] = base_url
    keys = [_from_variable(one) for one in api_key_env or ()] + [
        _from_file(one) for one in api_key_file or ()
    ]
    if len(keys) == 1:
        body["api_key"] = keys[0]
    elif keys:
        body["api_keys"] = keys
    if models is not None:
        body["models"] = [model.strip() for model in models.split(",") if model.strip()]
    with screen.err().status(f"Adding {name} …"):
        answer = node.call("POST", PATH, body=body)
    upstream = answer.read(Upstream)
    console = screen.out()
    console.print(Text("Added"), screen.clean(upstream.name), Text(f"with {_count(upstream.models)}."))
    if upstream.note:
        advice = f"Name them with: keyturn models add MODEL --upstream {upstream.name}"
        text = f"Its models are not known: {upstream.note}. {advice}"
        screen.err().print(screen.clean(text), style="yellow", soft_wrap=True)


@app.command()
@on_node
def edit(
    node: Node,
    name: Named,
    *,
    max_concurrency: Annotated[
        int | None, typer.Option(min=0, help="Requests that may be there at once; 0 lifts the limit.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, help="Requests that may go there in a minute; 0 lifts the limit.")
    ] = None,
    api_key_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VAR",
            help="A variable that holds one of the provider's API keys; repeatable. They replace those it has, and the "
            "next one is used when one is refused or used up.",
        ),
    ] = None,
) -> None:
    """Change what a provider is asked for at most, or its API keys. Requests under way go on.

    Example: `keyturn upstreams edit openai --max-concurrency 64 --api-key-env KEY_A --api-key-env KEY_B`
    """
    body: dict[str, object] = {
        name: value
        for name, value in (
            ("max_concurrency", max_concurrency),
            ("requests_per_minute", requests_per_minute),
        )
        if value is not None
    }
    if api_key_env:
        body["api_keys"] = [_from_variable(one) for one in api_key_env]
    if not body:
        raise CommandFailed("nothing to change; see --help")
    upstream = node.call("PATCH", f"{PATH}/{segment(name)}", body=body).read(Upstream)
    most = f"{upstream.max_concurrency:,}" if upstream.max_concurrency else "any number of"
    rate = f"{upstream.requests_per_minute:,}" if upstream.requests_per_minute else "any number of"
    keys = "1 API key" if upstream.credentials == 1 else f"{upstream.credentials} API keys"
    screen.out().print(
        screen.clean(upstream.name),
        Text(f"now takes {most} requests at once and {rate} requests a minute, with {keys}."),
    )


@app.command("list")
@on_node
def show_all(node: Node, *, as_json: AsJson = False) -> None:
    """List the providers and the models they have.

    Example: `keyturn upstreams list --json`
    """
    upstreams, raw = node.all(PATH, Upstream)
    if as_json:
        screen.print_json(raw)
        return
    at = now()
    rows = [
        (
            screen.clean(upstream.name),
            screen.clean(upstream.provider or screen.NOTHING),
            screen.clean(upstream.base_url),
            str(upstream.credentials)
            if upstream.credentials > 1
            else screen.mark(passed=upstream.has_credential or None),
            screen.clean(_some(upstream.models)),
            screen.ago(upstream.created_at, at),
        )
        for upstream in upstreams
    ]
    columns = ("name", "provider", "base URL", "key", "models", "added")
    laid_out = screen.table(columns, rows, spare=("added", "provider", "models"))
    screen.listing(laid_out, "No upstreams. Add one with `keyturn upstreams add NAME --provider PROVIDER`.")


@app.command("test")
@on_node
def call_once(node: Node, name: Named, *, as_json: AsJson = False) -> None:
    """Make a real call to a provider and show how long it took and which models it has.

    Example: `keyturn upstreams test openai`
    """
    with screen.err().status(f"Asking {name} …"):
        answer = node.call("POST", f"{PATH}/{segment(name)}/test")
    result = answer.read(UpstreamTest)
    if as_json:
        screen.print_json(bytes(answer.data))
    elif result.ok:
        took = f"{result.latency_ms:.0f} ms" if result.latency_ms is not None else screen.NOTHING
        console = screen.out()
        console.print(
            screen.mark(passed=True), screen.clean(name), Text(f"answered in {took}: {_count(result.models)}")
        )
        for model in result.models:
            console.print(Text("  "), screen.clean(model))
    elif not result.tried:
        said = f"can't be tried this way: {result.error}. A call of one of its models shows whether it works."
        screen.out().print(screen.clean(name), Text(said), soft_wrap=True)
    if result.tried and not result.ok:
        status = f" (status {result.status})" if result.status else ""
        raise CommandFailed(f"{name} can't be used: {result.error or 'it refused'}{status}")


@app.command()
@on_node
def remove(node: Node, name: Named) -> None:
    """Remove a provider and the models that go nowhere else. Usage so far is kept.

    Example: `keyturn upstreams remove local`
    """
    node.call("DELETE", f"{PATH}/{segment(name)}")
    screen.out().print(Text("Removed"), screen.clean(name))


def _from_variable(name: str) -> str:
    credential = variable(name)
    if credential is None:
        raise CommandFailed(f"the variable {name} is not set")
    return credential.reveal()


def _from_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"{path} can't be read: {reason}") from None


def _count(models: list[str]) -> str:
    return "1 model" if len(models) == 1 else f"{len(models)} models"


def _some(models: list[str]) -> str:
    more = f", … {len(models) - SHOWN_MODELS} more" if len(models) > SHOWN_MODELS else ""
    return ", ".join(models[:SHOWN_MODELS]) + more
