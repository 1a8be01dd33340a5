"""Lines that set variables, as the command line writes them."""

import re
from collections.abc import Mapping

from keyturn.cli.failure import CommandFailed
from keyturn.domain import env_lines
from keyturn.domain.env_lines import BadValueError, Shell


def line(shell: Shell, name: str, value: str) -> str:
    """Return the line that sets a variable.

    Raises:
        CommandFailed: The value can't be written so that this shell reads it back unchanged.
    """
    try:
        return env_lines.line(shell, name, value)
    except BadValueError as error:
        raise CommandFailed(str(error)) from None


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
