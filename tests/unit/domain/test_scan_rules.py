"""Rules for other programs."""

import json
import random
import re
import tomllib
from collections.abc import Callable

import pytest
import yaml  # type: ignore[import-untyped]  # comes with pre-commit

from keyturn.domain.key_text import EXAMPLES, Kind, mint
from keyturn.domain.scan_rules import KEYWORDS, Scheme, rules

KEYS = [mint(kind, random.Random(7).choice).reveal() for kind in Kind]  # noqa: S311 -- keys of nobody
OTHERS = [
    "sk-proj-Qm7vT2xLk9RwT3BlbkFJp4ZsYc8NdHa6Ue1Bf5Gj",
    "sk-" + "a1B2" * 12,  # an OpenAI key of the old kind is longer
    "sk-ant-api03-" + "a1B2" * 12,
    "key_VbXhUyUBKUlzDND0IYtt",
    "task-0123456789abcdef0123456789abcdef0",
]


def gitleaks() -> Callable[[str], list[str]]:
    """Return what gitleaks does with our rule: the group that is the secret, unless it is allowed."""
    rule = tomllib.loads(rules(Scheme.GITLEAKS))["rules"][0]
    allowed = [re.compile(text) for text in rule["allowlists"][0]["regexes"]]

    def find(text: str) -> list[str]:
        found = [match[rule["secretGroup"]] for match in re.finditer(rule["regex"], text)]
        return [one for one in found if not any(pattern.search(one) for pattern in allowed)]

    return find


def trufflehog() -> Callable[[str], list[str]]:
    """Return what trufflehog does with our detector."""
    (detector,) = yaml.safe_load(rules(Scheme.TRUFFLEHOG))["detectors"]
    excluded = [re.compile(text) for text in detector["exclude_regexes_match"]]

    def find(text: str) -> list[str]:
        found = [match[1] for match in re.finditer(detector["regex"]["key"], text)]
        return [one for one in found if not any(pattern.search(one) for pattern in excluded)]

    return find


def github() -> Callable[[str], list[str]]:
    """Return what GitHub does with our custom pattern."""
    form = json.loads(rules(Scheme.GITHUB))
    after = form["after_secret"].replace(r"\z", r"\Z")
    pattern = re.compile(f"(?:{form['before_secret']})({form['secret_format']})(?:{after})")

    def find(text: str) -> list[str]:
        return [match[1] for match in pattern.finditer(text) if match[1] not in form["must_not_match"]]

    return find


FINDERS = {"gitleaks": gitleaks(), "trufflehog": trufflehog(), "github": github()}


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize("key", KEYS)
def test_each_rule_finds_a_key(name: str, key: str) -> None:
    """Alone, quoted, in an assignment and in a URL."""
    for text in (key, f'"{key}"', f"KEY={key}\n", f"https://h/?api_key={key}&x"):
        assert FINDERS[name](text) == [key]


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize("text", [*OTHERS, *sorted(EXAMPLES)])
def test_no_rule_takes_something_else_for_one(name: str, text: str) -> None:
    """Other vendors' keys, identifiers, and our published examples."""
    assert FINDERS[name](f"x = '{text}'") == []


def test_keywords_stand_in_every_key() -> None:
    """Both programs look at a pattern only where a keyword is."""
    assert all(any(word in key for word in KEYWORDS) for key in KEYS)
    assert tomllib.loads(rules(Scheme.GITLEAKS))["rules"][0]["keywords"] == list(KEYWORDS)
