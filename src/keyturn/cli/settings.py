"""``keyturn settings``: what can be changed while the node runs."""

from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.connection import Answer, Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.config import values
from keyturn.config.live import changeable

PATH = "/api/v1/settings"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Change settings while the node runs.\n\nWhat is changed stands above files, variables and flags.\n\n"
    "Example: `keyturn settings set auth.locations strict`",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SettingPath = Annotated[
    str, typer.Argument(metavar="SETTING", help="Its section and name, such as `auth.required`.")
]


class Setting(msgspec.Struct, frozen=True):
    """A setting that can be changed."""

    path: str
    value: Any
    given: Any
    origin: str


@app.command(name="list")
@on_node
def list_settings(node: Node, *, as_json: AsJson = False) -> None:
    """Show the settings that can be changed, and where each value comes from.

    Example: `keyturn settings list`
    """
    _show(node.get(PATH), as_json=as_json)


@app.command(name="set")
@on_node
def set_setting(
    node: Node,
    setting: SettingPath,
    value: Annotated[str, typer.Argument(help="As a variable would have it; several separated by commas.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Change a setting. When it returns, every worker goes by it.

    Example: `keyturn settings set auth.required false`
    """
    entry = changeable().get(setting)
    if entry is None:
        raise CommandFailed(
            f"{setting} can't be changed while the node runs; `keyturn settings list` shows what can"
        )
    try:
        read = msgspec.to_builtins(values.read(value, entry, is_text=True))
    except ValueError as error:
        raise CommandFailed(f"{setting}: {error}") from None
    wanted = sorted(read) if isinstance(read, list | set | frozenset) else read
    _show(node.call("PATCH", PATH, body={setting: wanted}), as_json=as_json)


@app.command()
@on_node
def reset(node: Node, setting: SettingPath, *, as_json: AsJson = False) -> None:
    """Take a change back: the value of file, variable or flag holds again.

    Example: `keyturn settings reset auth.required`
    """
    _show(node.call("PATCH", PATH, body={setting: None}), as_json=as_json)


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    rows = [
        (
            one.path,
            screen.clean(_text(one.value)),
            Text(one.origin, style="bright_black" if one.origin == "default" else "cyan"),
            screen.clean("" if one.value == one.given else _text(one.given)),
        )
        for one in answer.read(list[Setting])
    ]
    screen.out().print(
        screen.table(("setting", "value", "from", "without the change"), rows, spare=("value",))
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
