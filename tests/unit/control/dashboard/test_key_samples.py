"""Samples: run where there is something to run them with."""

import ast
import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from keyturn.control.dashboard.key_samples import Use, model_for, samples
from keyturn.domain.key_text import Kind
from unit.control.dashboard.test_key_forms import KEY

ODD = "k'e\"y$HOME`x`\\ é"
"""An imported key can have any characters."""
USE = Use("https://[::1]:8443", ODD, Kind.SECRET, "gpt-'4'")


def test_curl_is_given_exactly_the_key_and_the_body(tmp_path: Path) -> None:
    """By a real shell."""
    [text] = [text for title, text, _ in samples(USE) if title == "curl"]
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    curl.chmod(0o700)

    ran = subprocess.run(
        ["bash", "-c", text],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    words = ran.stdout.splitlines()
    assert words[0] == "https://[::1]:8443/v1/chat/completions"
    assert f"Authorization: Bearer {ODD}" in words
    assert json.loads(words[-1])["model"] == USE.model


@pytest.mark.parametrize("kind", [Kind.SECRET, Kind.MANAGEMENT])
def test_python_has_the_key_as_it_is(kind: Kind) -> None:
    """As the interpreter reads it."""
    [text] = [
        text for title, text, _ in samples(msgspec.structs.replace(USE, kind=kind)) if title == "Python"
    ]

    found = {one.value for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Constant)}

    assert found & {ODD, f"Bearer {ODD}"}


@pytest.mark.parametrize("kind", [Kind.SECRET, Kind.PUBLISHABLE])
def test_javascript_has_the_key_as_it_is(kind: Kind) -> None:
    """Its strings are those of JSON; Node.js reads the text where there is one."""
    use = msgspec.structs.replace(USE, kind=kind)
    [text] = [text for title, text, _ in samples(use) if title == "JavaScript"]

    assert json.dumps(ODD) in text or json.dumps(f"Bearer {ODD}") in text
    node = shutil.which("node")
    if node is not None:
        subprocess.run([node, "--input-type=module", "--check"], input=text, text=True, check=True)


def test_a_value_that_a_shell_cannot_take_says_so() -> None:
    """Rather than to set something else."""
    found = {title: text for title, text, _ in samples(USE)}

    assert found["cmd"].startswith("# OPENAI_API_KEY has characters")
    assert found["bash"].startswith("export OPENAI_API_KEY=")
    assert ".gitignore" in next(caption for title, _, caption in samples(USE) if title == ".env")


def test_a_management_key_is_shown_what_it_can_do() -> None:
    """It calls no models."""
    titles = [title for title, _, _ in samples(msgspec.structs.replace(USE, kind=Kind.MANAGEMENT))]

    assert titles == ["curl", "Python", "bash", "cmd", "PowerShell", ".env"]


@pytest.mark.parametrize(
    ("models", "names", "expected"),
    [
        ("", ["davinci-codex", "demo-chat", "gpt-4"], "demo-chat"),
        ("", ["a-house-model", "claude-haiku"], "claude-haiku"),
        ("", ["text-embedding-3", "gpt-5", "gpt-*"], "gpt-5"),
        ("text-*", ["text-embedding-3", "gpt-5"], "text-embedding-3"),
        ("o9 gpt-*", [], "o9"),
        ("gpt-*", [], "MODEL"),
    ],
)
def test_the_sample_asks_for_a_model_that_the_key_may_use(
    models: str, names: list[str], expected: str
) -> None:
    """One that chats, if there is one."""
    assert model_for(msgspec.structs.replace(KEY, models=models), names) == expected
