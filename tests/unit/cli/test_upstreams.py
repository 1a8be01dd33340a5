"""The commands about providers."""

from pathlib import Path

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/upstreams"
LOCAL = {
    "name": "local",
    "base_url": "http://127.0.0.1:11434/v1",
    "has_credential": True,
    "models": [f"model-{number}" for number in range(1, 9)],
    "created_at": "2026-01-01T00:00:00Z",
}


def test_a_provider_is_added_with_a_credential_from_the_environment(
    keyturn: Run, node: ManagementApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential on the command line would stand in the shell's history."""
    monkeypatch.setenv("LOCAL_KEY", "provider-secret")
    node.data("POST", PATH, LOCAL)

    ran = keyturn(
        *("upstreams", "add", "local", "--base-url", "http://127.0.0.1:11434/v1"),
        *("--api-key-env", "LOCAL_KEY", "--models", "a, b,"),
    )

    assert ran.status == 0
    assert "provider-secret" not in ran.out + ran.err
    assert node.asked[0].body == {
        "name": "local",
        "base_url": "http://127.0.0.1:11434/v1",
        "api_key": "provider-secret",
        "models": ["a", "b"],
    }


def test_a_credential_may_stand_in_dotenv(keyturn: Run, node: ManagementApi, tmp_path: Path) -> None:
    """The file that developers keep their credentials in."""
    (tmp_path / ".env").write_text("LOCAL_KEY=from-dotenv\n")
    node.data("POST", PATH, LOCAL)

    keyturn("upstreams", "add", "local", "--base-url", "http://x/v1", "--api-key-env", "LOCAL_KEY")

    assert node.asked[0].body["api_key"] == "from-dotenv"


def test_a_variable_that_is_not_set_stops_the_command(keyturn: Run, node: ManagementApi) -> None:
    """Added without its credential, the provider would refuse every request."""
    ran = keyturn("upstreams", "add", "local", "--base-url", "http://x/v1", "--api-key-env", "NOT_SET")

    assert (ran.status, ran.err) == (1, "keyturn: the variable NOT_SET is not set\n")
    assert not node.asked


def test_a_provider_is_added_by_name_with_keys_from_several_places(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """Its address is known; credentials come in files as well, as a service account's does."""
    (tmp_path / ".env").write_text("KEY_ONE=first\n")
    (tmp_path / "key.txt").write_text("second\n")
    node.data("POST", PATH, {**LOCAL, "name": "claude"})

    ran = keyturn(
        *("upstreams", "add", "claude", "--provider", "anthropic"),
        *("--api-key-env", "KEY_ONE", "--api-key-file", str(tmp_path / "key.txt")),
    )

    assert ran.status == 0
    assert node.asked[0].body == {
        "name": "claude",
        "provider": "anthropic",
        "api_keys": ["first", "second"],
    }


def test_a_file_that_can_not_be_read_stops_the_command(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """It says why, and sends nothing."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    missing = keyturn("upstreams", "add", "groq", "--api-key-file", str(tmp_path / "none"))
    binary = keyturn("upstreams", "add", "groq", "--api-key-file", str(tmp_path / "binary"))

    assert (missing.status, binary.status) == (1, 1)
    assert "No such file" in missing.err
    assert "it is not text" in binary.err
    assert not node.asked


def test_the_list_counts_credentials(keyturn: Run, node: ManagementApi) -> None:
    """Several take turns."""
    node.data("GET", f"{PATH}?limit=100", [{**LOCAL, "provider": "ollama", "credentials": 3, "models": []}])

    ran = keyturn("upstreams", "list")

    assert "ollama" in ran.out
    assert " 3 " in ran.out


def test_what_went_wrong_when_adding_is_passed_on(keyturn: Run, node: ManagementApi) -> None:
    """It is added, but nobody could list its models: both have to be known."""
    node.data("POST", PATH, {**LOCAL, "models": [], "note": "can't be reached"})

    ran = keyturn("upstreams", "add", "local", "--base-url", "http://x/v1")

    assert ran.status == 0
    assert "0 models" in ran.out
    assert "can't be reached" in ran.err


def test_the_list_shows_providers_and_some_of_their_models(keyturn: Run, node: ManagementApi) -> None:
    """A provider with hundreds of models still takes one line."""
    node.data("GET", f"{PATH}?limit=100", [LOCAL])

    ran = keyturn("upstreams", "list")

    assert "local" in ran.out
    assert "model-6, … 2 more" in ran.out


def test_the_list_as_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts get every member, also those this version does not show."""
    node.data("GET", f"{PATH}?limit=100", [{**LOCAL, "new": 1}])

    ran = keyturn("upstreams", "list", "--json")

    assert msgspec.json.decode(ran.out) == [{**LOCAL, "new": 1}]


def test_an_empty_list_says_how_to_add_one(keyturn: Run, node: ManagementApi) -> None:
    """The next step is offered where it is missed."""
    node.data("GET", f"{PATH}?limit=100", [])

    assert "keyturn upstreams add" in keyturn("upstreams", "list").err


def test_a_test_shows_time_and_models(keyturn: Run, node: ManagementApi) -> None:
    """A real call says more than a stored address."""
    node.data("POST", f"{PATH}/local/test", {"ok": True, "latency_ms": 12.4, "models": ["m1"], "status": 200})

    ran = keyturn("upstreams", "test", "local")

    assert ran.status == 0
    assert "answered in 12 ms: 1 model" in ran.out
    assert "m1" in ran.out


def test_a_provider_that_refuses_fails_the_test(keyturn: Run, node: ManagementApi) -> None:
    """Scripts go by the exit status."""
    answer = {
        "ok": False,
        "latency_ms": 5.0,
        "models": [],
        "status": 401,
        "error": "the credential is refused",
    }
    node.data("POST", f"{PATH}/local/test", answer)

    plain = keyturn("upstreams", "test", "local")
    document = keyturn("upstreams", "test", "local", "--json")

    assert plain.status == document.status == 1
    assert plain.err == "keyturn: local can't be used: the credential is refused (status 401)\n"
    assert msgspec.json.decode(document.out) == answer


def test_a_provider_that_cannot_be_tried_is_no_failure(keyturn: Run, node: ManagementApi) -> None:
    """It has no list of models, and may be as well as any other."""
    answer = {
        "ok": False,
        "latency_ms": 0.0,
        "tried": False,
        "error": "Cohere has no list of models to ask for",
    }
    node.data("POST", f"{PATH}/local/test", answer)

    plain = keyturn("upstreams", "test", "local")
    document = keyturn("upstreams", "test", "local", "--json")

    assert plain.status == document.status == 0
    assert plain.out.startswith("local can't be tried this way: Cohere has no list of models to ask for.")
    assert not plain.err
    assert msgspec.json.decode(document.out) == answer


def test_a_provider_is_removed_by_name(keyturn: Run, node: ManagementApi) -> None:
    """What is removed is said."""
    node.data("DELETE", f"{PATH}/local", LOCAL)

    ran = keyturn("upstreams", "remove", "local")

    assert (ran.status, ran.out) == (0, "Removed local\n")


def test_room_and_keys_of_a_provider_are_changed(
    keyturn: Run, node: ManagementApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is said."""
    monkeypatch.setenv("KEY_A", "first-secret")
    monkeypatch.setenv("KEY_B", "second-secret")
    node.data("PATCH", f"{PATH}/local", LOCAL | {"max_concurrency": 64, "credentials": 2})

    ran = keyturn(
        *("upstreams", "edit", "local", "--max-concurrency", "64"),
        *("--api-key-env", "KEY_A", "--api-key-env", "KEY_B"),
    )

    assert node.asked[0].body == {"max_concurrency": 64, "api_keys": ["first-secret", "second-secret"]}
    assert "64 requests at once and any number of requests a minute, with 2 API keys" in " ".join(
        ran.out.split()
    )
    assert "secret" not in ran.out


def test_an_edit_without_a_change_is_refused(keyturn: Run, node: ManagementApi) -> None:
    """Nothing is not a change."""
    nothing = keyturn("upstreams", "edit", "local")
    unset = keyturn("upstreams", "edit", "local", "--api-key-env", "NOT_SET_ANYWHERE")

    assert (nothing.status, unset.status, node.asked) == (1, 1, [])
