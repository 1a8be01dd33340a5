"""Write the reference pages from the source they describe: ``python docs/generate.py``, or ``make docs``.

With ``--check`` nothing is written: pages that are out of date are named, and the exit status is 1.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from typer.core import TyperGroup
from typer.main import get_command

from keyturn.cli.app import COMMANDS, module_of
from keyturn.cli.options import PANEL
from keyturn.config.load import FLAGS, SHORT_NAMES, STANDARD_NAMES, variable_name
from keyturn.config.reference import as_toml, descriptions, entries, section_names
from keyturn.control.documentation.advice import Entry, entries as entries_of_errors
from keyturn.domain.checks import CHECKS
from keyturn.domain.refusals import RULES, Reason
from keyturn.providers import provider
from keyturn.providers.catalog import PROVIDERS

FOLDER = Path(__file__).parent
REFERENCE = FOLDER / "reference"
KINDS: Mapping[type, str] = {
    str: "Text",
    int: "Whole number",
    float: "Number",
    bool: "`true` or `false`",
    frozenset: "List of texts",
    tuple: "List of texts",
}
"""What a setting is, by the type of its default."""
NOTICE = "<!-- Written by docs/generate.py. Change the source it reads, then run `make docs`. -->"


# ── errors ──────────────────────────────────────────────────────────────────


def errors() -> str:
    """Return the page of refusals and faults."""
    lines = [
        "# Errors",
        "",
        "Every way Keyturn says no, by its reason. The reason is the same word in `keyturn explain`, in the metric",
        "`keyturn_refusals_total` and on this page. What a provider answers keeps its own status and text; the one",
        "exception is [`upstream_credential`](#upstream_credential).",
        "",
        "The OpenAI routes (`/v1/…`) answer with an OpenAI error object, Anthropic's (`/v1/messages`) and Gemini's",
        "(`/v1beta/…`, `/v1/models/…:…`) with theirs. `/v1/generate` and the management API answer with the envelope",
        '`{"success": false, "error": {"code", "message", "details"}}`. To a client that accepts',
        "`application/problem+json` all of them answer with a problem document (RFC 9457), in which the dialect's own",
        "`error` stands as well. A node serves this page at `/docs/errors`.",
        "",
        "| reason | status | who must act |",
        "|---|---|---|",
        *(f"| [`{one}`](#{one}) | {RULES[one].status} | {RULES[one].actor} |" for one in Reason),
    ]
    for entry in entries_of_errors():
        lines += ["", f"## {entry.reason}", "", *_error(entry)]
    return _page(lines)


def _error(entry: Entry) -> list[str]:
    return [
        f"**{entry.rule.status}** · “{entry.rule.message}”",
        "",
        entry.advice.cause,
        "",
        f"**What to do.** {entry.advice.remedy}",
        "",
        f"- Who must act: {entry.actor}.",
        f"- Trying again {entry.retry}.",
        *(f"- {rendering}" for rendering in entry.renderings),
    ]


# ── checks ──────────────────────────────────────────────────────────────────


def checks() -> str:
    """Return the page with the order of the checks."""
    lines = [
        "# The order of the checks",
        "",
        "A request for a model passes these checks from top to bottom. The first refusal ends it, and",
        "`keyturn explain REQUEST_ID` shows how far it came. What is cheap to check comes first: a key with a wrong",
        "checksum is refused without a look-up, and the body is read for a model only when the key may use one.",
        "",
        "| | check | refuses for |",
        "|---|---|---|",
    ]
    order = list(Reason)
    for number, (name, reasons) in enumerate(CHECKS, 1):
        links = ", ".join(f"[`{one}`](errors.md#{one})" for one in sorted(reasons, key=order.index))
        lines.append(f"| {number} | {name} | {links} |")
    lines += [
        "",
        "After the last check a request is noted in the journal and sent to the provider. What goes wrong there is",
        "not a check's doing: see [errors](errors.md).",
    ]
    return _page(lines)


# ── settings ────────────────────────────────────────────────────────────────


def settings() -> str:
    """Return the page of settings."""
    words = {name: text.replace("``", "`") for name, text in descriptions().items()}
    lines = [
        "# Settings",
        "",
        "Later wins: the default, `keyturn.toml` in the working directory (or `--config FILE`), `.env` in the working",
        "directory, the environment, a flag of `keyturn serve`. An unknown setting is an error. `keyturn init` writes a",
        "`keyturn.toml` in which every setting stands commented out; `keyturn doctor` prints each value and where it",
        "came from, without secrets.",
        "",
        "SIGHUP reads the settings again. `data`, `server.host`, `server.port` and `server.workers` change with a",
        "restart only.",
    ]
    for section in ["", *section_names()]:
        own = {path: one for path, one in entries().items() if path.rpartition(".")[0] == section}
        if section:
            lines += ["", f"## [{section}]", "", words[section]]
        for path, entry in own.items():
            lines += ["", f"### {path}", "", words[path], ""]
            lines.append(f"- {_type(entry.type, entry.default)}; default `{as_toml(entry.default)}`")
            lines.append(f"- {_sources(path)}")
            if entry.secret:
                lines.append("- Secret: `keyturn doctor` does not show it.")
    return _page(lines)


def _sources(path: str) -> str:
    short = [name for name, known in SHORT_NAMES.items() if known == path]
    variables = [*short, variable_name(path), *STANDARD_NAMES.get(path, ())]
    text = "Variable " + ", ".join(f"`{name}`" for name in dict.fromkeys(variables))
    return f"{text}; flag `{FLAGS[path]}`" if path in FLAGS else text


def _type(annotation: Any, default: object) -> str:  # noqa: ANN401 -- any annotation
    if words := list(_words(annotation)):
        return f"{'Any' if isinstance(default, frozenset) else 'One'} of {', '.join(f'`{one}`' for one in words)}"
    of_numbers = isinstance(default, tuple) and any(isinstance(one, int) for one in default)
    kind = "List of numbers" if of_numbers else KINDS[type(default)]
    meta = next((one for one in get_args(annotation) if isinstance(one, msgspec.Meta)), msgspec.Meta())
    bounds = [
        f"{text} {value:,}"
        for text, value in (("at least", meta.ge), ("more than", meta.gt), ("at most", meta.le))
        if value is not None
    ]
    return f"{kind}, {', '.join(bounds)}" if bounds else kind


def _words(annotation: Any) -> Iterator[str]:  # noqa: ANN401 -- any annotation
    if get_origin(annotation) is None:
        return
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _words(part)


# ── commands ────────────────────────────────────────────────────────────────


def commands() -> str:
    """Return the page of commands."""
    lines = [
        "# Command line",
        "",
        "Exit status: 0 done, 1 refused or failed (the reason is one line on stderr), 2 the command line can't be",
        "understood.",
        "",
        "On the machine of a node its commands need no key: they use the control socket in the data directory. They",
        "reach a node elsewhere with `--url` (or `KEYTURN_URL`) and a management key in `KEYTURN_API_KEY`.",
        "",
        "Every command that talks to a node takes these options beside its own:",
        "",
        *_options(_load("keys").commands["list"], node=True),
    ]
    for name in COMMANDS:
        lines += _command(name, _load(name))
    return _page(lines)


def _load(name: str) -> Any:  # noqa: ANN401 -- Typer's own types are private
    return get_command(importlib.import_module(module_of(name)).app)


def _command(name: str, command: Any) -> list[str]:  # noqa: ANN401 -- as above
    lines = ["", f"## keyturn {name}", "", _help(command)]
    if isinstance(command, TyperGroup):
        for inner, one in command.commands.items():
            lines += ["", f"### keyturn {name} {inner}", "", *_details(f"{name} {inner}", one)]
        return lines
    return ["", f"## keyturn {name}", "", *_details(name, command)]


def _details(name: str, command: Any) -> list[str]:  # noqa: ANN401 -- as above
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["keyturn", name, *(_metavar(one) for one in arguments), "[OPTIONS]"])
    lines = [_help(command), "", "```text", usage, "```"]
    rows = [f"- `{_metavar(one)}`: {one.help}" for one in arguments if one.help] + _options(command)
    return [*lines, "", *rows] if rows else lines


def _options(command: Any, *, node: bool = False) -> list[str]:  # noqa: ANN401 -- as above
    rows = []
    for one in command.params:
        shared = getattr(one, "rich_help_panel", None) == PANEL and command.name not in {"serve", "init"}
        if one.param_type_name == "argument" or shared != node:
            continue
        value = "" if one.is_flag else f" {_metavar(one)}"
        notes = [" Required." if one.required else "", " May be given several times." if one.multiple else ""]
        if not one.is_flag and one.default not in {None, ""} and not callable(one.default):
            notes.append(f" Default `{getattr(one.default, 'value', one.default)}`.")
        rows.append(f"- `{one.opts[0]}{value}`: {one.help}{''.join(notes)}")
    return rows


def _metavar(parameter: Any) -> str:  # noqa: ANN401 -- as above
    if isinstance(parameter.default, Enum):
        return "|".join(str(one.value) for one in type(parameter.default))
    return str(parameter.metavar or parameter.name.upper())


def _help(command: Any) -> str:  # noqa: ANN401 -- as above
    paragraphs = [" ".join(one.split()) for one in re.split(r"\n\s*\n", command.help or "")]
    return "\n\n".join(paragraphs)


# ── providers ───────────────────────────────────────────────────────────────

SHOWN: Mapping[str, tuple[str, ...]] = {
    "completions": (provider.COMPLETIONS,),
    "responses": (provider.RESPONSES,),
    "messages": (provider.MESSAGES,),
    "embeddings": (provider.EMBEDDINGS,),
    "`embedContent`": (provider.EMBED_CONTENT,),
    "images": (provider.IMAGES,),
    "speech": (provider.SPEECH,),
    "transcription": (provider.TRANSCRIPTIONS,),
    "moderation": (provider.MODERATIONS,),
}
"""What a provider may offer beside chat, each by the operations it stands for."""


def providers() -> str:
    """Return the page of providers."""
    lines = [
        "# Providers",
        "",
        "Who runs models, by the name that `keyturn upstreams add NAME --provider PROVIDER` takes. Applications speak the",
        "dialect they like: where a provider speaks another one, chats and embeddings are translated. A host that is not in",
        "the table and speaks the OpenAI API is added with its address: `keyturn upstreams add NAME --base-url URL`.",
        "",
        "A credential that stands in the variable of a provider with an address makes an upstream at the first start of",
        "a node. `keyturn providers --json` prints this table for programs.",
        "",
        "| provider | | chat | passes as it is |",
        "|---|---|---|---|",
    ]
    for one in PROVIDERS.values():
        passed = [
            name for name, operations in SHOWN.items() if any(_passes(one, each) for each in operations)
        ]
        lines.append(
            f"| [`{one.id}`](#{one.id}) | {one.title} | `{one.codec(provider.CHAT)}` | {', '.join(passed) or 'nothing else'} |"
        )
    for one in PROVIDERS.values():
        lines += ["", f"## {one.id}", "", *_provider(one)]
    return _page(lines)


def _passes(one: provider.Provider, operation: str) -> bool:
    return one.codec(operation) == provider.NATIVE[operation]


def _provider(one: provider.Provider) -> list[str]:
    variables = " or ".join(f"`{name}`" for name in one.variables)
    quirks = one.quirks
    facts = [
        f"Address: `{one.base_url or one.address}`",
        f"Credential: {one.credential or 'an API key'}" if not one.local else "Credential: mostly none",
        f"Variable: {variables}" if variables else "",
        "Its models are not listed: name them with `--models`" if not one.lists_models else "",
        "Goes by `max_tokens`" if quirks.legacy_cap else "",
        "Does not take `stream_options`; tells the usage all the same" if not quirks.stream_options else "",
        "Refuses members that it does not know" if quirks.strict else "",
        "Says `random_seed` for `seed`" if quirks.random_seed else "",
        f"Takes back what the model thought, in `{quirks.thoughts}`" if quirks.thoughts else "",
        "Takes `top_k`" if quirks.top_k else "",
        f"Says so at <{quirks.source}>" if quirks.source else "",
        f"Source: <{one.source}>",
    ]
    about = [f"{one.title}. {one.note}".rstrip(), ""]
    return [*about, *(f"- {fact}" for fact in facts if fact)]


# ── the lot ─────────────────────────────────────────────────────────────────

PAGES: Mapping[str, Callable[[], str]] = {
    "errors.md": errors,
    "checks.md": checks,
    "settings.md": settings,
    "cli.md": commands,
    "providers.md": providers,
}


def _page(lines: Sequence[str]) -> str:
    title, *rest = lines
    return "\n".join([title, "", NOTICE, *rest]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` name those that would change."""
    stale = []
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    for name in stale:
        sys.stdout.write(f"docs/reference/{name}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
