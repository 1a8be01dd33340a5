"""``keyturn models``: the names that clients use, where they go and what they cost."""

from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Model
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed

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
            screen.clean(model.upstream),
            screen.clean(model.upstream_model or model.name),
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
    upstream: Annotated[str, typer.Option(help="The upstream that it goes to.")],
    upstream_model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Its name there, when it is another.")
    ] = None,
    price_in: Input = None,
    price_out: Output = None,
    price_cached: Cached = None,
) -> None:
    """Add a name that clients may use for a model, such as an alias.

    Example: `keyturn models add fast --upstream openai --upstream-model gpt-4o-mini`
    """
    body: dict[str, object] = {
        "name": name,
        "upstream": upstream,
        **_prices(price_in, price_out, price_cached),
    }
    if upstream_model is not None:
        body["upstream_model"] = upstream_model
    model = node.call("POST", PATH, body=body).read(Model)
    screen.out().print(Text("Added"), _route(model))


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


def _route(model: Model) -> Text:
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
