"""Lines that set variables."""

import io
import subprocess

import dotenv
import pytest
from hypothesis import given, strategies as st

from keyturn.cli.env_lines import line, with_variables
from keyturn.cli.failure import CommandFailed
from keyturn.domain.env_lines import Shell

VALUES = ["sk-ABC", "http://[::1]:8080/v1", "a b", "it's", 'say "x"', "$HOME `x` \\ #", "é"]


@pytest.mark.parametrize("value", VALUES)
def test_a_shell_reads_back_what_was_written(value: str) -> None:
    """In a real one."""
    script = f'{line(Shell.BASH, "NAME", value)}\nprintf %s "$NAME"'

    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == value


@pytest.mark.parametrize("value", VALUES)
def test_a_reader_of_dotenv_files_reads_back_what_was_written(value: str) -> None:
    """The same reader that the node itself uses."""
    text = with_variables("", {"NAME": value})

    assert dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False) == {"NAME": value}


def test_the_other_shells_have_their_own_words() -> None:
    """As Microsoft's documents write them."""
    assert line(Shell.CMD, "NAME", "sk-ABC") == 'set "NAME=sk-ABC"'
    assert line(Shell.POWERSHELL, "NAME", "it's") == "$env:NAME = 'it''s'"


@pytest.mark.parametrize(
    ("shell", "value"), [(Shell.CMD, "100%"), (Shell.BASH, "a\nb"), (Shell.DOTENV, "a\x00")]
)
def test_what_cannot_be_written_is_refused(shell: Shell, value: str) -> None:
    """Rather than set to something else."""
    with pytest.raises(CommandFailed, match="NAME has characters"):
        line(shell, "NAME", value)


def test_lines_are_replaced_in_place_and_others_stay() -> None:
    """The file is the user's; only our variables change, each once."""
    text = "# mine\nexport A=1\n\nOTHER=x # A=\nA=2\n  B = 3"

    found = with_variables(text, {"A": "new", "B": "b", "C": "c"})

    assert found == "# mine\nA=new\n\nOTHER=x # A=\nB=b\nC=c\n"


@given(st.text().filter(str.isprintable))
def test_any_value_in_one_line_survives_a_dotenv_file(value: str) -> None:
    """Imported keys can have any characters."""
    text = with_variables("A=1\n", {"NAME": value})

    assert dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)["NAME"] == value
