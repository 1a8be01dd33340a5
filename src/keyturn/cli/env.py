"""``keyturn env``: a key where programs look for it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from keyturn.cli import env_file, screen
from keyturn.cli.answers import NodeState
from keyturn.cli.connection import connect
from keyturn.cli.env_file import Standing
from keyturn.cli.env_lines import line
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_reveal import text_of
from keyturn.cli.options import ConfigOption, DataOption, KeyOption, UrlOption
from keyturn.config.load import Loaded, client_url, load
from keyturn.domain import key_text
from keyturn.domain.env_lines import Shell

STANDARD_INPUT = "-"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- what is listened on, not what is called
KEY_VARIABLES, URL_VARIABLE = ("KEYTURN_API_KEY", "OPENAI_API_KEY"), "OPENAI_BASE_URL"

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def env(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY]",
            help="A recoverable key's id or name, or `-` to read a key from standard input; else KEYTURN_API_KEY.",
        ),
    ] = None,
    *,
    shell: Annotated[
        Shell, typer.Option(help="Who is to read it; `dotenv` writes the file .env here.")
    ] = Shell.BASH,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
    node_data: DataOption = None,
    node_config: ConfigOption = None,
    node_url: UrlOption = None,
    node_key: KeyOption = None,
) -> None:
    """Print what sets the base URL and the key for OpenAI clients, or write it to .env.

    With `--shell dotenv` the file .env in the working directory gets them, readable by its owner only, and git is asked
    whether it would commit that file.

    Example: `eval "$(keyturn keys create my-app | keyturn env -)"`
    """
    loaded = load(config=node_config, flags={"data": node_data})
    secret = _secret(key, loaded, (node_url, node_key), yes=yes)
    values = dict.fromkeys(KEY_VARIABLES, secret) | {URL_VARIABLE: _base_url(loaded, node_url)}
    if shell is not Shell.DOTENV:
        sys.stdout.write("".join(f"{line(shell, name, value)}\n" for name, value in values.items()))
        return
    folder = Path.cwd()
    is_safe = _keep_out_of_git(folder, yes=yes)
    env_file.write(folder, values)
    console = screen.err()
    console.print(screen.mark(passed=True), f"{env_file.NAME} has {', '.join(values)}.")
    if not is_safe:
        console.print("[yellow]git does not ignore it: add .env to .gitignore before you commit.[/]")


def _secret(key: str | None, loaded: Loaded, reach: tuple[str | None, str | None], *, yes: bool) -> str:
    if key is None:
        if loaded.client.key is None:
            raise CommandFailed("say which key: its name, or - and the key on standard input")
        return loaded.client.key.reveal()
    if key == STANDARD_INPUT:
        text = sys.stdin.readline().strip()
        if not text:
            raise CommandFailed("there is no key on standard input")
        if " " in text or not text.isprintable():
            raise CommandFailed("what stands on standard input is no key")
        return text
    if key_text.is_well_formed(key):
        return key
    with connect(loaded, *reach) as node:
        return text_of(node, key, yes=yes)


def _base_url(loaded: Loaded, url: str | None) -> str:
    """Return where clients reach the node: as the caller does, or else where it listens."""
    address = client_url(url) if url else loaded.client.url
    if address:
        return f"{address}/v1"
    server = loaded.settings.server
    found = {"server.host": server.host, "server.port": str(server.port), "server.tls_cert": server.tls_cert}
    try:
        with connect(loaded) as node:
            state = node.get("/api/v1/node").read(NodeState)
        found |= {setting.path: setting.value for setting in state.settings if setting.path in found}
    except CommandFailed:
        screen.err().print("No node runs here; the address is the one in the settings.")
    host = EVERYWHERE.get(found["server.host"], found["server.host"])
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    scheme = "https" if found["server.tls_cert"] else "http"
    return f"{scheme}://{host}:{found['server.port']}/v1"


def _keep_out_of_git(folder: Path, *, yes: bool) -> bool:
    """See to it that git does not commit the file; ``False``: it still may.

    Raises:
        CommandFailed: It is committed already, so that a key in it would be too.
    """
    standing = env_file.standing(folder)
    if standing is Standing.TRACKED:
        raise CommandFailed("git tracks .env here: take it out with `git rm --cached .env`, then try again")
    if standing is not Standing.EXPOSED:
        return True
    if not yes:
        if not sys.stdin.isatty():
            return False
        screen.err().print("git does not ignore .env here. Add it to .gitignore? \\[y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            return False
    env_file.ignore(folder)
    screen.err().print("Added .env to .gitignore.")
    return True
