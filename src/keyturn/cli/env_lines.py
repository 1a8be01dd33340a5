"""Lines that set variables, in the words of each shell and of ``.env`` files."""

import re
import shlex
from collections.abc import Mapping
from enum import StrEnum

from keyturn.cli.failure import CommandFailed

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]*")
_CMD_SPECIAL = frozenset('"%!^&|<>')


class Shell(StrEnum):
    """Who reads the lines."""

    BASH = "bash"
    CMD = "cmd"
    POWERSHELL = "powershell"
    DOTENV = "dotenv"


def line(shell: Shell, name: str, value: str) -> str:
    """Return the line that sets a variable.

    Raises:
        CommandFailed: The value can't be written so that this shell reads it back unchanged.
    """
    if not value.isprintable():
        raise CommandFailed(f"{name} has characters that can't stand in a line")
    match shell:
        case Shell.BASH:
            return f"export {name}={shlex.quote(value)}"
        case Shell.POWERSHELL:
            quoted = value.replace("'", "''")
            return f"$env:{name} = '{quoted}'"
        case Shell.DOTENV:
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"{name}={value}" if _PLAIN.fullmatch(value) else f"{name}='{escaped}'"
        case Shell.CMD:
            if _CMD_SPECIAL & set(value):
                raise CommandFailed(f"{name} has characters that cmd can't take; use --shell powershell")
            return f'set "{name}={value}"'


def with_variables(text: str, values: Mapping[str, str]) -> str:
    """Return the text of an ``.env`` file in which variables have these values.

    The first line that sets one is replaced, further ones go, new ones stand at the end; all else stays as it is.
    """
    left = dict(values)
    kept = []
    for old in text.splitlines():
        name = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", old)
        if name is None or name[1] not in values:
            kept.append(old)
        elif name[1] in left:
            kept.append(line(Shell.DOTENV, name[1], left.pop(name[1])))
    kept += [line(Shell.DOTENV, name, value) for name, value in left.items()]
    return "".join(f"{one}\n" for one in kept)
