"""What there is to set, read off ``config.sections``: paths, types, defaults, and the words about them."""

import ast
import inspect
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from keyturn.config import sections
from keyturn.config.sections import Settings
from keyturn.domain.secret import REDACTED


class Entry(msgspec.Struct, frozen=True):
    """One setting."""

    path: str
    """``server.port``: section and name; ``data`` stands in no section."""
    type: Any
    """What ``msgspec.convert`` takes, with its range."""
    default: Any
    secret: bool
    """Its value is shown to nobody."""


def entries() -> dict[str, Entry]:
    """Return every setting by its path, in the order of the sections."""
    found = {}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            for inner in msgspec.structs.fields(field.default):
                path = f"{field.name}.{inner.name}"
                found[path] = Entry(path, inner.type, inner.default, _is_secret(inner.type))
        else:
            found[field.name] = Entry(field.name, field.type, field.default, _is_secret(field.type))
    return found


def _is_secret(annotation: Any) -> bool:  # noqa: ANN401 -- any annotation is a value of no common type
    return any(
        isinstance(part, msgspec.Meta) and bool((part.extra or {}).get("secret"))
        for part in get_args(annotation)
    )


def table(settings: Settings, origins: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return path, value and origin of each setting, fit to be shown: secrets are redacted."""
    rows = []
    for path, entry in entries().items():
        value: Any = settings
        for name in path.split("."):
            value = getattr(value, name)
        rows.append((path, _shown(value, secret=entry.secret), origins.get(path, "default")))
    return rows


def _shown(value: object, *, secret: bool) -> str:
    if secret and value:
        return REDACTED
    return ", ".join(map(str, sorted(value))) if isinstance(value, frozenset | tuple) else str(value)


def section_names() -> list[str]:
    """Return the names of the sections, in their order."""
    fields = msgspec.structs.fields(Settings)
    return [field.name for field in fields if isinstance(field.default, msgspec.Struct)]


def descriptions() -> dict[str, str]:
    """Return what the docstrings say, by path: of each setting, and of each section by its name."""
    words = {}
    for struct in ast.parse(inspect.getsource(sections)).body:
        if not isinstance(struct, ast.ClassDef):
            continue
        prefix = "" if struct.name == "Settings" else f"{struct.name.lower()}."
        words[struct.name.lower()] = ast.get_docstring(struct) or ""
        for field, text in zip(struct.body, struct.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                words[prefix + field.target.id] = inspect.cleandoc(str(text.value.value))
    return words


def as_toml(value: object) -> str:
    """Write a setting's value as TOML does."""
    if isinstance(value, frozenset | tuple):
        return msgspec.json.encode(sorted(value)).decode().replace('","', '", "')
    return msgspec.json.encode(value).decode()


def commented_file(given: Mapping[str, object]) -> str:
    """Return a ``keyturn.toml`` in which every setting stands with its default, commented out.

    Args:
        given: Path → value of the settings that are to stand in force.
    """
    words, section = descriptions(), ""
    lines = [
        "# Settings of Keyturn. What is commented out has the value shown.",
        "# Variables (KEYTURN_PORT, KEYTURN_SERVER__MAX_BODY_BYTES) and flags override this file.",
    ]
    for path, entry in entries().items():
        prefix, _, name = path.rpartition(".")
        if prefix != section:
            section = prefix
            lines += ["", f"[{section}]", f"# {words[section]}"]
        lines += ["", *(f"# {line}" for line in words[path].splitlines())]
        lines.append(
            f"{name} = {as_toml(given[path])}" if path in given else f"# {name} = {as_toml(entry.default)}"
        )
    return "\n".join(lines) + "\n"
