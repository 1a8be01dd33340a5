"""Targets on the command line."""

import pytest

from fakes.management_api import ManagementApi
from keyturn.cli.answers import When
from keyturn.cli.failure import CommandFailed
from keyturn.cli.target_options import conditions, parse
from unit.cli.conftest import Run

PATH = "/api/v1/models"
STEADY = {
    "name": "steady",
    "upstream": "openai",
    "upstream_model": "gpt-4o",
    "targets": [
        {"upstream": "openai", "model": "gpt-4o", "weight": 3},
        {"upstream": "lab", "model": "llama3:8b", "priority": 1, "when": {"stream": True}},
    ],
}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("openai", {"upstream": "openai", "model": ""}),
        ("openai/gpt-4o", {"upstream": "openai", "model": "gpt-4o"}),
        ("lab/llama3:8b", {"upstream": "lab", "model": "llama3:8b"}),
        ("lab/llama3:8b:weight=0", {"upstream": "lab", "model": "llama3:8b", "weight": 0}),
        ("lab/a/b:priority=2", {"upstream": "lab", "model": "a/b", "priority": 2}),
        (
            "lab/a:weight=2,stream=false,operations=chat+responses,max_input_tokens=9",
            {
                "upstream": "lab",
                "model": "a",
                "weight": 2,
                "when": {"stream": False, "operations": ["chat", "responses"], "max_input_tokens": 9},
            },
        ),
    ],
)
def test_a_target_is_read(text: str, target: dict[str, object]) -> None:
    """Names of models hold slashes and colons."""
    assert parse(text) == target


@pytest.mark.parametrize("text", ["", "/m", "a/b:weight=x", "a/b:stream=maybe", "a/b:colour=red", "a/b:x=1,"])
def test_what_is_no_target_is_refused(text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(CommandFailed):
        parse(text)


def test_conditions_are_told_in_words() -> None:
    """All of them."""
    when = When(
        stream=False,
        operations=["chat", "responses"],
        min_input_tokens=1,
        max_input_tokens=8000,
        projects=["proj_1"],
        environments=["test", "production"],
    )

    said = conditions(when)

    assert said == (
        "no streams, chat or responses, from 1 tokens in, up to 8,000 tokens in, proj_1, test or production"
    )
    assert conditions(When()) == ""


def test_a_model_is_added_with_targets(keyturn: Run, node: ManagementApi) -> None:
    """In the order in which they are given."""
    node.data("POST", PATH, STEADY)

    ran = keyturn(
        *("models", "add", "steady", "--target", "openai/gpt-4o:weight=3"),
        *("--target", "lab/llama3:8b:priority=1,stream=true"),
    )

    assert ran.out == "Added steady → openai/gpt-4o, lab/llama3:8b\n"
    assert [one["upstream"] for one in node.asked[0].body["targets"]] == ["openai", "lab"]


def test_a_model_is_sent_elsewhere(keyturn: Run, node: ManagementApi) -> None:
    """Without a restart, and without touching its price."""
    node.data("PATCH", f"{PATH}/steady", STEADY)

    by_target = keyturn("models", "route", "steady", "--target", "openai/gpt-4o")
    alone = keyturn("models", "route", "steady", "--upstream", "lab", "--upstream-model", "m")

    assert (by_target.status, alone.status) == (0, 0)
    assert [one.body for one in node.asked] == [
        {"targets": [{"upstream": "openai", "model": "gpt-4o"}]},
        {"upstream": "lab", "upstream_model": "m"},
    ]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--upstream", "a", "--target", "b/c"),
        ("--target", "b/c", "--upstream-model", "m"),
    ],
)
def test_where_a_model_goes_is_said_one_way(
    keyturn: Run, node: ManagementApi, options: tuple[str, ...]
) -> None:
    """Neither both ways nor none."""
    ran = keyturn("models", "add", "fast", *options)

    assert (ran.status, node.asked) == (1, [])
    assert "either --upstream or --target" in ran.err


def test_show_tells_target_by_target(keyturn: Run, node: ManagementApi) -> None:
    """With what each is for."""
    node.data("GET", f"{PATH}/steady", STEADY)

    lines = keyturn("models", "show", "steady").out.splitlines()

    assert next(line for line in lines if "gpt-4o" in line).split() == [
        "openai/gpt-4o",
        "0",
        "3",
        "\N{EN DASH}",
    ]
    assert next(line for line in lines if "llama3" in line).split() == ["lab/llama3:8b", "1", "1", "streams"]
    assert '"targets"' in keyturn("models", "show", "steady", "--json").out


def test_the_list_names_every_upstream(keyturn: Run, node: ManagementApi) -> None:
    """On one line each."""
    node.data("GET", f"{PATH}?limit=100", [STEADY])

    line = next(line for line in keyturn("models", "list").out.splitlines() if "steady" in line)

    assert line.split()[1:5] == ["openai", "lab", "gpt-4o", "llama3:8b"]
