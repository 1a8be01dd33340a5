"""What is kept of a form until somebody has shown that it is them."""

import re
from pathlib import Path

import pytest

from keyturn import system
from keyturn.control import dashboard
from keyturn.control.dashboard.kept_forms import KEPT_MS, LONGEST, MOST, MOST_OF_ONE, KeptForms, holds_secret

KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"
PATH = "/dashboard/team/user_1"
TEMPLATES = Path(str(dashboard.__file__)).parent / "templates"
_FIELD = re.compile(r'parts\.field\("([^"]+)"(?: ~ [^,]+)?, [^\n]*')
_SECRET = ('type="password"', 'autocomplete="one-time-code"')


@pytest.fixture
def kept() -> KeptForms:
    """Nothing is in it."""
    return KeptForms()


def test_a_form_is_given_back_to_the_person_who_sent_it_and_to_no_other(kept: KeptForms) -> None:
    """Whoever learns the address must not read what somebody typed, nor throw it away."""
    token = kept.keep("user_1", PATH, {"name": ["Ada", "Bo"]})

    kept.drop(token, "user_2")
    mine, theirs = kept.find(token, "user_1"), kept.find(token, "user_2")

    assert mine is not None
    assert (mine.path, mine.fields) == (PATH, {"name": ["Ada", "Bo"]})
    assert theirs is None
    kept.drop(token, "user_1")
    assert kept.find(token, "user_1") is None


def test_what_nobody_comes_back_for_is_forgotten(kept: KeptForms, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that it takes to show who one is, and some more."""
    token, now_ms = kept.keep("user_1", PATH, {"name": ["Ada"]}), system.now_ms()

    monkeypatch.setattr(system, "now_ms", lambda: now_ms + KEPT_MS)

    assert kept.find(token, "user_1") is None


def test_a_person_keeps_a_few_forms_and_loses_the_oldest(kept: KeptForms) -> None:
    """Somebody with many windows pushes out their own, not those of others."""
    other = kept.keep("user_2", PATH, {"name": ["Bo"]})

    tokens = [kept.keep("user_1", PATH, {"name": [str(n)]}) for n in range(MOST_OF_ONE + 1)]

    assert [kept.find(token, "user_1") is not None for token in tokens] == [False] + [True] * MOST_OF_ONE
    assert kept.find(other, "user_2") is not None


def test_memory_is_bounded(kept: KeptForms) -> None:
    """However many people there are, and however much they type."""
    tokens = [kept.keep(f"user_{n}", PATH, {"name": ["Ada"]}) for n in range(MOST + 1)]

    assert kept.find(tokens[0], "user_0") is None
    assert all(kept.find(token, f"user_{n}") for n, token in enumerate(tokens) if n)
    assert kept.keep("user_1", PATH, {"name": ["a" * LONGEST]}) == ""
    assert kept.keep("user_1", PATH + "?" + "a" * LONGEST, {"name": ["Ada"]}) == ""


@pytest.mark.parametrize("name", ["password", "code", "api_keys[0]"])
def test_a_form_with_a_secret_in_it_is_not_kept(kept: KeptForms, name: str) -> None:
    """Nothing in it is: who types the secret again types the rest again."""
    assert kept.keep("user_1", PATH, {"name": ["Ada"], name: ["hush"]}) == ""
    assert kept.keep("user_1", PATH, {"name": ["Ada"], name: [""]}) != ""


@pytest.mark.parametrize("text", [KEY, f"Bearer {KEY}", "see sk-proj-a1B2c3D4e5F6g7H8"])
def test_a_secret_in_a_field_for_something_else_is_not_kept_either(kept: KeptForms, text: str) -> None:
    """It would stand in a page in the clear, for whoever looks over a shoulder."""
    assert kept.keep("user_1", PATH, {"name": ["Ada", text]}) == ""
    assert kept.keep("user_1", PATH, {"name": ["Ada", "sk-learn training job"]}) != ""


def test_every_field_for_a_secret_is_known_as_one() -> None:
    """A new field for a password would be kept in the clear otherwise."""
    found = {"credential"}  # what a passkey answers, which a script writes into a hidden field
    for template in TEMPLATES.rglob("*.html"):
        for field in _FIELD.finditer(template.read_text()):
            if any(mark in field[0] for mark in _SECRET):
                found.add(field[1])

    assert {"password", "code", "api_key", "api_keys["} <= found
    assert [name for name in found if not holds_secret({name: ["x"]})] == []
