"""Lines that set variables, in the words of each shell and of ``.env`` files."""

import re
import shlex
from enum import StrEnum

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]*")
_CMD_SPECIAL = frozenset('"%!^&|<>')


class Shell(StrEnum):
    """Who reads the lines."""

    BASH = "bash"
    CMD = "cmd"
    POWERSHELL = "powershell"
    DOTENV = "dotenv"


class BadValueError(ValueError):
    """A value can't be written so that this shell reads it back unchanged; its own text says why."""


def line(shell: Shell, name: str, value: str) -> str:
    """Return the line that sets a variable.

    Raises:
        BadValueError: It can't be written.
    """
    if not value.isprintable():
        raise BadValueError(f"{name} has characters that can't stand in a line")
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
                raise BadValueError(f"{name} has characters that cmd can't take; use --shell powershell")
            return f'set "{name}={value}"'
