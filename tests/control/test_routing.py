"""Targets of models, and what upstreams have room for, over the management API."""

from typing import Any

import pytest

from fakes.control_process import ControlProcess

MODELS, UPSTREAMS = "/api/v1/models", "/api/v1/upstreams"
SPREAD: dict[str, Any] = {
    "name": "org/steady",
    "targets": [
        {"upstream": "demo", "model": "demo-chat", "weight": 3},
        {"upstream": "demo", "model": "echo", "priority": 1, "when": {"stream": True}},
    ],
}


@pytest.fixture
def steady(control: ControlProcess) -> str:
    """A model with two targets; the path that it is at."""
    control.operator.post(MODELS, json=SPREAD)
    return f"{MODELS}/org/steady"


def test_targets_are_shown_as_they_were_said(control: ControlProcess, steady: str) -> None:
    """With what was left out filled in, and the members of old for who knows no other."""
    data = control.operator.get(steady).json()["data"]

    assert (data["upstream"], data["upstream_model"]) == ("demo", "demo-chat")
    assert data["targets"] == [
        {"upstream": "demo", "model": "demo-chat", "weight": 3, "priority": 0, "when": {}},
        {"upstream": "demo", "model": "echo", "weight": 1, "priority": 1, "when": {"stream": True}},
    ]


def test_what_is_shown_can_be_sent_back(control: ControlProcess, steady: str) -> None:
    """An operator reads, changes one number and writes."""
    targets = control.operator.get(steady).json()["data"]["targets"]
    targets[0]["weight"] = 5

    changed = control.operator.patch(steady, json={"targets": targets})

    assert changed.json()["data"]["targets"] == targets


def test_one_upstream_takes_the_place_of_all(control: ControlProcess, steady: str) -> None:
    """Programs that know nothing of targets go on working."""
    changed = control.operator.patch(steady, json={"upstream": "demo", "upstream_model": "echo"}).json()

    assert [one["model"] for one in changed["data"]["targets"]] == ["echo"]


@pytest.mark.parametrize(
    ("targets", "param"),
    [
        ([{"upstream": "nobody"}], "targets[0].upstream"),
        ([{"upstream": "demo", "wait": 1}], "targets[0].wait"),
        ([{"upstream": "demo", "when": {"hour": 7}}], "targets[0].when.hour"),
        ([{"upstream": "demo", "weight": "1"}], "targets[0].weight"),
        ([], "targets"),
    ],
)
def test_a_bad_target_is_refused_by_its_member(
    control: ControlProcess, targets: list[dict[str, Any]], param: str
) -> None:
    """A condition that is mistyped must not be passed over: the target would take everything."""
    refused = control.operator.post(MODELS, json={"name": "bad", "targets": targets})

    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["param"] == param


def test_an_upstream_is_changed_without_showing_its_credentials(control: ControlProcess) -> None:
    """Only how many there are."""
    body = {"name": "two-keys", "base_url": "https://127.0.0.1:1/v1", "api_key": "one", "models": ["m1"]}
    control.operator.post(UPSTREAMS, json=body)

    changed = control.operator.patch(
        f"{UPSTREAMS}/two-keys",
        json={"api_keys": ["hidden-one", "hidden-two"], "max_concurrency": 8, "requests_per_minute": 60},
    )
    listed = control.operator.get(UPSTREAMS)

    shown = next(one for one in listed.json()["data"] if one["name"] == "two-keys")
    assert changed.json()["data"] == shown
    assert (shown["credentials"], shown["max_concurrency"], shown["requests_per_minute"]) == (2, 8, 60)
    assert "hidden" not in changed.text + listed.text
    audited = control.operator.get("/api/v1/audit").text
    assert "upstream.edit" in audited
    assert "hidden" not in audited


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_concurrency": -1}, "max_concurrency"),
        ({"api_keys": ["ok", "n o"]}, "api_keys[1]"),
        ({"base_url": "https://x"}, "base_url"),
    ],
)
def test_a_bad_change_of_an_upstream_is_refused(
    control: ControlProcess, body: dict[str, Any], param: str
) -> None:
    """By its member."""
    refused = control.operator.patch(f"{UPSTREAMS}/demo", json=body)

    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["param"] == param
