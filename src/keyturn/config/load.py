"""The only reader of settings files and of the environment.

Later wins: the default, ``keyturn.toml``, ``.env``, the environment, a flag. What nobody knows is an
error, because a misspelt limit that is silently ignored is found out too late.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import dotenv
import msgspec

from keyturn.config import rules, values
from keyturn.config.reference import Entry, entries, section_names, table
from keyturn.config.sections import Settings
from keyturn.domain.secret import Secret
from keyturn.providers.catalog import PROVIDERS

FILE_NAME = "keyturn.toml"
SHORT_NAMES = {
    "KEYTURN_DATA": "data",
    "KEYTURN_HOST": "server.host",
    "KEYTURN_PORT": "server.port",
    "KEYTURN_WORKERS": "server.workers",
}
"""Variables of the settings that everyone meets; the others are ``KEYTURN_SECTION__NAME``."""
FLAGS = {
    "data": "--data",
    "server.host": "--host",
    "server.port": "--port",
    "server.workers": "--workers",
    "server.tls_cert": "--tls-cert",
    "server.tls_key": "--tls-key",
}
URL_NAME = "KEYTURN_URL"
KEY_NAMES = ("KEYTURN_API_KEY", "GPTPROTO_API_KEY", "GPT_API_KEY", "API_KEY")
"""Where a client's key is looked for, best first."""
STANDARD_NAMES = {"relay.proxy": ("HTTPS_PROXY", "https_proxy"), "relay.no_proxy": ("NO_PROXY", "no_proxy")}
"""Variables that every program goes by; a setting of ours that is set anywhere wins over them."""
PROVIDER_KEY_NAMES = {one.id: one.variables for one in PROVIDERS.values() if one.variables}
"""Provider → where its credential is looked for at the first start, best first."""

_PREFIX = "KEYTURN_"
_SERVICE_LINK = re.compile(r"KEYTURN_(SERVICE_(HOST|PORT).*|PORT_\d+_(TCP|UDP).*)")
"""What Kubernetes sets in every container when a service is called ``keyturn``; never meant for us."""
_HEADER = re.compile(r"\[\s*([\w.]+)\s*\]")
_ASSIGNMENT = re.compile(r"([\w.]+)\s*=")


class SettingsError(Exception):
    """The settings can't be used; the message is one line, names the setting and where it was set."""


class Client(msgspec.Struct, frozen=True):
    """How a command reaches a node that is not on this machine."""

    url: str
    """Base URL without ``/v1``; empty: the node that owns the data directory."""
    key: Secret | None


class Loaded(msgspec.Struct, frozen=True):
    """Settings, and where they came from."""

    settings: Settings
    origins: dict[str, str]
    """Path → ``default``, ``keyturn.toml:12``, ``.env: KEYTURN_PORT``, ``environment: KEYTURN_PORT`` or ``flag --port``."""
    provider_keys: dict[str, Secret]
    """Provider → credential found in the environment."""
    client: Client

    def table(self) -> list[tuple[str, str, str]]:
        """Return path, value and origin of each setting, fit to be shown."""
        return table(self.settings, self.origins)


class _Value(msgspec.Struct, frozen=True):
    raw: Any
    origin: str
    is_text: bool = False
    """From a place that knows text only, so that numbers have to be read from it."""


def load(
    *,
    config: str | None = None,
    flags: Mapping[str, object | None] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Loaded:
    """Read the settings.

    Args:
        config: The settings file; ``keyturn.toml`` in the working directory, if there is one, when ``None``.
        flags: Path → value from the command line; ``None`` values were not given.
        environment: Instead of the process's.
        folder: Instead of the working directory.

    Raises:
        SettingsError: A file can't be read, a setting is unknown or has a value it can't have.
    """
    folder = folder or Path.cwd()
    real = os.environ if environment is None else environment
    from_file = _dotenv(folder)
    known = entries()
    found = _from_standard_variables(real)
    found.update(_from_toml(folder, config, known))
    found.update(_from_variables(from_file, ".env", known))
    found.update(_from_variables(real, "environment", known))
    given = {path: value for path, value in (flags or {}).items() if value is not None}
    found.update({path: _Value(value, f"flag {FLAGS[path]}") for path, value in given.items()})
    variables = {**from_file, **real}
    return Loaded(
        settings=_build(found, known),
        origins={path: found[path].origin if path in found else "default" for path in known},
        provider_keys={
            provider: Secret(next(variables[name] for name in names if variables.get(name)))
            for provider, names in PROVIDER_KEY_NAMES.items()
            if any(variables.get(name) for name in names)
        },
        client=Client(
            url=client_url(variables.get(URL_NAME, "")),
            key=next((Secret(variables[name]) for name in KEY_NAMES if variables.get(name)), None),
        ),
    )


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without settings and credentials, for processes that are told theirs in other ways."""
    real = os.environ if environment is None else environment
    credentials = {
        *chain.from_iterable(PROVIDER_KEY_NAMES.values()),
        *KEY_NAMES,
        *STANDARD_NAMES["relay.proxy"],
    }
    return {
        name: value
        for name, value in real.items()
        if name not in credentials and not name.startswith(_PREFIX)
    }


def client_url(text: str) -> str:
    """Return a node's address as the management API needs it, when given as one of its base URLs."""
    return text.strip().rstrip("/").removesuffix("/v1")


def variable(
    name: str, *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Secret | None:
    """Return a credential from the environment or ``.env``; ``None`` when it is not set or empty."""
    real = os.environ if environment is None else environment
    text = real.get(name) or _dotenv(folder or Path.cwd()).get(name)
    return Secret(text) if text else None


def _dotenv(folder: Path) -> dict[str, str]:
    path = folder / ".env"
    if not path.is_file():
        return {}
    try:
        read = dotenv.dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: can't be read: {_why(error)}") from None
    return {name: value for name, value in read.items() if value is not None}


def _from_toml(folder: Path, config: str | None, known: Mapping[str, Entry]) -> dict[str, _Value]:
    path = folder / (config or FILE_NAME)
    if config is None and not path.exists():
        return {}
    shown = config or FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown}: can't be read: {_why(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{shown}: is not TOML: {error}") from None
    lines = _line_numbers(text)
    read = {}
    for setting, raw in _flatten(tree, known):
        origin = f"{shown}:{lines[setting]}" if setting in lines else shown
        if setting not in known:
            raise SettingsError(_unknown(origin, setting, known))
        read[setting] = _Value(raw, origin)
    return read


def _flatten(
    tree: Mapping[str, Any], known: Mapping[str, Entry], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        path = prefix + name
        if isinstance(value, dict) and path not in known and (value or path in section_names()):
            yield from _flatten(value, known, path + ".")
        else:
            yield path, value


def _line_numbers(text: str) -> dict[str, int]:
    """Say where each setting stands. The parser doesn't, and an editor opens ``file:line``."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := _HEADER.match(stripped):
            section = header[1] + "."
            found.setdefault(header[1], number)
        elif assignment := _ASSIGNMENT.match(stripped):
            found.setdefault(section + assignment[1], number)
    return found


def _from_standard_variables(variables: Mapping[str, str]) -> dict[str, _Value]:
    return {
        path: _Value(variables[name], f"environment: {name}", is_text=True)
        for path, names in STANDARD_NAMES.items()
        for name in names
        if variables.get(name)
    }


def _from_variables(
    variables: Mapping[str, str], place: str, known: Mapping[str, Entry]
) -> dict[str, _Value]:
    read = {}
    # The short form is what people write by hand: it comes last and wins over the long one.
    for name in sorted(variables, key=lambda name: (name in SHORT_NAMES, name)):
        text = variables[name]
        if not text or not name.startswith(_PREFIX) or name == URL_NAME or name in KEY_NAMES:
            continue
        if _SERVICE_LINK.fullmatch(name) or (name == "KEYTURN_PORT" and text.startswith("tcp://")):
            continue
        path = SHORT_NAMES.get(name, name.removeprefix(_PREFIX).lower().replace("__", "."))
        if path not in known:
            raise SettingsError(_unknown(place, name, [*SHORT_NAMES, *map(variable_name, known)]))
        read[path] = _Value(text, f"{place}: {name}", is_text=True)
    return read


def variable_name(path: str) -> str:
    """Return the variable that sets ``path``, in its long form."""
    return _PREFIX + path.upper().replace(".", "__")


def _unknown(origin: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{origin}: unknown setting {name}{hint}"


def _build(found: Mapping[str, _Value], known: Mapping[str, Entry]) -> Settings:
    tree: dict[str, Any] = {}
    for path, value in found.items():
        section, _, name = path.rpartition(".")
        into = tree.setdefault(section, {}) if section else tree
        into[name] = _convert(path, value, known[path])
    settings = msgspec.convert(tree, Settings)
    wrong = rules.contradiction(settings)
    if wrong is not None:
        path, why = wrong
        raise SettingsError(f"{found[path].origin}: {why}")
    return settings


def _convert(path: str, value: _Value, entry: Entry) -> object:
    try:
        return values.read(value.raw, entry, is_text=value.is_text)
    except ValueError as error:
        raise SettingsError(f"{value.origin}: {path}: {error}") from None


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"
