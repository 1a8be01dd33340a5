"""Targets of a model as they stand on the command line: ``openai/gpt-4o:weight=2,priority=1,stream=true``."""

from typing import Annotated

import typer

from keyturn.cli.answers import Target, When
from keyturn.cli.failure import CommandFailed

Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="UPSTREAM/MODEL[:…]",
        help="Where it may go, repeatable; behind a colon `weight=2`, `priority=1`, `stream=true`, `operations=chat`, "
        "`min_input_tokens=…`, `max_input_tokens=…`, `projects=…` or `environments=…`, with commas between, and `+` "
        "between several values.",
    ),
]

_NUMBERS = frozenset({"weight", "priority"})
_TOKENS = frozenset({"min_input_tokens", "max_input_tokens"})
_LISTS = frozenset({"operations", "projects", "environments"})
_BOOLEANS = {"true": True, "false": False}


def parse(text: str) -> dict[str, object]:
    """Return a target as the management API takes it.

    A model's name may hold colons (``llama3:8b``): terms begin at the last one that an equals sign follows.

    Raises:
        CommandFailed: It is none; the text says why.
    """
    where, colon, terms = text.rpartition(":")
    if not colon or "=" not in terms:
        where, terms = text, ""
    upstream, _, model = where.partition("/")
    if not upstream:
        raise CommandFailed(f"{text!r} names no upstream; a target looks like openai/gpt-4o")
    found: dict[str, object] = {"upstream": upstream, "model": model}
    when: dict[str, object] = {}
    for term in terms.split(",") if terms else []:
        name, _, value = term.partition("=")
        if name in _NUMBERS:
            found[name] = _number(name, value)
        elif name in _TOKENS:
            when[name] = _number(name, value)
        elif name in _LISTS:
            when[name] = value.split("+")
        elif name == "stream" and value in _BOOLEANS:
            when[name] = _BOOLEANS[value]
        else:
            known = ", ".join(sorted({*_NUMBERS, *_TOKENS, *_LISTS, "stream"}))
            raise CommandFailed(f"{term!r} is no term of a target; those are {known}")
    if when:
        found["when"] = when
    return found


def _number(name: str, value: str) -> int:
    if not value.isdecimal():
        raise CommandFailed(f"{name} is a whole number, not {value!r}")
    return int(value)


def conditions(when: When) -> str:
    """Say in words which requests a target takes."""
    said = []
    if when.stream is not None:
        said.append("streams" if when.stream else "no streams")
    if when.operations:
        said.append(" or ".join(when.operations))
    if when.min_input_tokens:
        said.append(f"from {when.min_input_tokens:,} tokens in")
    if when.max_input_tokens:
        said.append(f"up to {when.max_input_tokens:,} tokens in")
    said += [" or ".join(names) for names in (when.projects, when.environments) if names]
    return ", ".join(said)


def shown(target: Target) -> str:
    """Return a target as ``--target`` takes it, without its terms."""
    return f"{target.upstream}/{target.model}"
