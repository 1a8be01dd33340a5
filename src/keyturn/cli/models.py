"""``keyturn models``: the names that clients use, where they go and what they cost."""

from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Model
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.target_options import Targets, conditions, parse, shown

PATH = "/api/v1/models"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Say which names clients may use, where they go and what they cost.\n\nExample: `keyturn models list`",
)

Named = Annotated[str, typer.Argument(metavar="NAME", help="The name that clients use.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Input = Annotated[
    str | None, typer.Option("--input", metavar="USD", help="Price of a million tokens of input.")
]
Output = Annotated[
    str | None, typer.Option("--output", metavar="USD", help="Price of a million tokens of output.")
]
Cached = Annotated[
    str | None,
    typer.Option("--cached-input", metavar="USD", help="Price of a million tokens of cached input."),
]


@app.command("list")
@on_node
def show_all(node: Node, *, as_json: AsJson = False) -> None:
    """List the models that clients may use, with prices per million tokens.

    Example: `keyturn models list`
    """
    models, raw = node.all(PATH, Model)
    if as_json:
        screen.print_json(raw)
        return
    rows = [
        (
            screen.clean(model.name),
            screen.clean(_upstreams(model)),
            screen.clean(_there(model)),
            _price(model.input_usd_per_million),
            _price(model.cached_input_usd_per_million),
            _price(model.output_usd_per_million),
        )
        for model in models
    ]
    columns = ("name", "upstream", "model there", "input", "cached", "output")
    laid_out = screen.table(columns, rows, right=("input", "cached", "output"), spare=("cached", "upstream"))
    screen.listing(laid_out, "No models. `keyturn upstreams add` brings a provider's models along.")


@app.command()
@on_node
def add(
    node: Node,
    name: Named,
    *,
    upstream: Annotated[str | None, typer.Option(help="The upstream that it goes to.")] = None,
    upstream_model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Its name there, when it is another.")
    ] = None,
    target: Targets = None,
    price_in: Input = None,
    price_out: Output = None,
    price_cached: Cached = None,
) -> None:
    """Add a name that clients may use for a model, such as an alias.

    With several targets, those of the smallest priority share the requests by weight, and the others take over when they
    fail. A name with a star stands for many: `models add 'openai/*' --upstream openai`.

    Example: `keyturn models add fast --target openai/gpt-4o-mini --target groq/llama-3.3-70b-versatile:priority=1`
    """
    body: dict[str, object] = {
        "name": name,
        **_where(upstream, upstream_model, target),
        **_prices(price_in, price_out, price_cached),
    }
    model = node.call("POST", PATH, body=body).read(Model)
    screen.out().print(Text("Added"), _route(model))


@app.command()
@on_node
def route(
    node: Node,
    name: Named,
    *,
    upstream: Annotated[str | None, typer.Option(help="The only upstream that it goes to.")] = None,
    upstream_model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Its name there, when it is another.")
    ] = None,
    target: Targets = None,
) -> None:
    """Send a name elsewhere from now on. Requests under way end where they are.

    Example: `keyturn models route fast --target openai/gpt-4o-mini:weight=9 --target openai/gpt-4.1-mini:weight=1`
    """
    body = _where(upstream, upstream_model, target)
    model = node.call("PATCH", f"{PATH}/{segment(name)}", body=body).read(Model)
    screen.out().print(Text("Changed"), _route(model))


@app.command()
@on_node
def show(node: Node, name: Named, *, as_json: AsJson = False) -> None:
    """Show where a name goes, target by target, and what it costs.

    Example: `keyturn models show fast`
    """
    answer = node.get(f"{PATH}/{segment(name)}")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    model = answer.read(Model)
    rows = [
        (
            screen.clean(shown(one)),
            str(one.priority),
            str(one.weight),
            screen.clean(conditions(one.when) or screen.NOTHING),
        )
        for one in model.targets
    ]
    columns = ("target", "priority", "weight", "only for")
    screen.out().print(screen.table(columns, rows, right=("priority", "weight")))
    figures = (
        f"{_price(model.input_usd_per_million)} in, {_price(model.cached_input_usd_per_million)} cached, "
        f"{_price(model.output_usd_per_million)} out"
    )
    screen.out().print(Text(f"Per million tokens, at the first: {figures}"))


@app.command()
@on_node
def price(
    node: Node,
    name: Named,
    *,
    price_in: Input = None,
    price_out: Output = None,
    price_cached: Cached = None,
) -> None:
    """Set what a model costs, in US dollars per million tokens; earlier usage keeps its price.

    Example: `keyturn models price gpt-4o-mini --input 0.15 --output 0.60`
    """
    body = _prices(price_in, price_out, price_cached)
    if not body:
        raise CommandFailed("no price given; say --input, --output or --cached-input")
    model = node.call("PATCH", f"{PATH}/{segment(name)}", body=body).read(Model)
    figures = (
        f"{_price(model.input_usd_per_million)} in, {_price(model.cached_input_usd_per_million)} cached, "
        f"{_price(model.output_usd_per_million)} out"
    )
    screen.out().print(screen.clean(model.name), Text(f"now costs, per million tokens: {figures}"))


@app.command()
@on_node
def remove(node: Node, name: Named) -> None:
    """Remove a name; clients that use it are told that there is no such model.

    Example: `keyturn models remove fast`
    """
    node.call("DELETE", f"{PATH}/{segment(name)}")
    screen.out().print(Text("Removed"), screen.clean(name))


def _where(upstream: str | None, upstream_model: str | None, target: list[str] | None) -> dict[str, object]:
    if (upstream is None) == (not target) or (target and upstream_model is not None):
        raise CommandFailed("say where it goes: either --upstream or --target")
    if target:
        return {"targets": [parse(one) for one in target]}
    there: dict[str, object] = {} if upstream_model is None else {"upstream_model": upstream_model}
    return {"upstream": upstream, **there}


def _upstreams(model: Model) -> str:
    return " ".join(dict.fromkeys(one.upstream for one in model.targets)) or model.upstream


def _there(model: Model) -> str:
    return " ".join(dict.fromkeys(one.model for one in model.targets)) or model.upstream_model or model.name


def _route(model: Model) -> Text:
    if len(model.targets) > 1:
        return screen.clean(f"{model.name} → {', '.join(shown(one) for one in model.targets)}")
    return screen.clean(f"{model.name} → {model.upstream}: {model.upstream_model or model.name}")


def _price(amount: str | None) -> str:
    return screen.NOTHING if amount is None else screen.dollars(amount)


def _prices(input_usd: str | None, output_usd: str | None, cached_usd: str | None) -> dict[str, object]:
    given = {
        "input_usd_per_million": input_usd,
        "output_usd_per_million": output_usd,
        "cached_input_usd_per_million": cached_usd,
    }
    return {name: amount for name, amount in given.items() if amount is not None}
