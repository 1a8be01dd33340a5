"""The program's commands, each loaded when it is called, so that none pays for the others."""

import errno
import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from keyturn import __version__
from keyturn.cli.failure import CommandFailed
from keyturn.config.load import SettingsError

COMMANDS = {
    "serve": "Start a node and keep it running until Ctrl-C or SIGTERM.",
    "init": "Create the data directory and a keyturn.toml with every setting explained.",
    "keys": "Create, list and change the API keys that clients use.",
    "accounts": "Keep tenants apart, and suspend one with all its keys.",
    "projects": "Group keys, set a policy for all of them, and say who is a member.",
    "plans": "Say what accounts may use and get, and whether they pay in advance.",
    "credit": "Show and grant credit, make codes that are worth some, and redeem them.",
    "ledger": "Show every change of an account's balance, and prove that charges are what was used.",
    "statements": "Print the statement of an account for a month, as JSON, CSV or a page to print.",
    "users": "Say who the people are that hold personal keys.",
    "limits": "Say how much may be used within a time, and see how much is.",
    "hygiene": "Show the keys that should be tidied up, worst first.",
    "upstreams": "Connect the node to the providers that run models.",
    "providers": "List who runs models, where, and in which variable the credential usually stands.",
    "models": "Say which names clients may use, where they go and what they cost.",
    "prices": "Say what models cost, from when on.",
    "usage": "Show requests, tokens and cost, grouped by key, model, day and more.",
    "requests": "List requests, newest first: whose, for what, from where, and what became of them.",
    "explain": "Show what happened to a recent request, and why.",
    "env": "Print what sets the base URL and the key for OpenAI clients, or write it to .env.",
    "events": "Show what happened that somebody should know of.",
    "alerts": "See which limits are nearly used up, and which keys are used as they never were.",
    "audit": "Show who changed what, and prove that nobody has touched the record.",
    "import": "Take over keys from LiteLLM, Unkey, one-api or OpenRouter, so that their holders keep them.",
    "settings": "Change settings while the node runs.",
    "peppers": "Replace the secret that protects the stored keys, and see which is in use.",
    "scan": "Find keys in files, in standard input, or in the history of a git repository; never shows them.",
    "doctor": "Show the settings, the state of each process, and what is wrong.",
    "version": "Print the version of Keyturn and of the Python it runs on.",
}
"""Name → what stands beside it in ``keyturn --help``; ``module_of`` says which module holds its ``app``."""
_MODULES = {"import": "imports"}
"""A module can't have the name of a statement."""


def module_of(name: str) -> str:
    """Return the module that holds the ``app`` of a command."""
    return f"keyturn.cli.{_MODULES.get(name, name)}"


class _Commands(TyperGroup):
    """Knows the commands by name and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 -- Typer's own type is private
        if args and args[0] in COMMANDS:
            command = get_command(importlib.import_module(module_of(args[0])).app)
            command.name = args[0]
            return args[0], command, args[1:]
        return super().resolve_command(ctx, args)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"keyturn {__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda value: _version(wanted=value), is_eager=True)
    ] = False,
) -> None:
    """Run and manage Keyturn, an AI gateway: one key turns every model.

    Start with `keyturn serve --demo`, and paste the line it prints.
    """


def build() -> TyperGroup:
    """Return the program."""
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_root)
    group = get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("the root is a group")
    for name, text in COMMANDS.items():
        group.add_command(TyperCommand(name=name, help=text), name)
    return group


def main() -> None:
    """Run the command that the process's arguments name, and end the process.

    The exit status is 0 when it is done, 1 when it was refused or failed (the reason is one line on
    stderr), 2 when the command line can't be understood.
    """
    try:
        build().main(prog_name="keyturn")
    except (CommandFailed, SettingsError) as error:
        # Names that others chose may stand in it: it stays one line and moves no cursor.
        line = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(error))
        sys.stderr.write(f"keyturn: {line}\n")
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(f"keyturn: what was to be written found no room ({error.strerror})\n")
        sys.exit(1)
