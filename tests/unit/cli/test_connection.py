"""How commands find a node, and what they say when it refuses or isn't there."""

import socket
import threading
from pathlib import Path

import pytest

from fakes.management_api import ManagementApi, over_tcp
from unit.cli.conftest import Run


def test_without_a_node_the_next_step_is_named(keyturn: Run) -> None:
    """The first thing a newcomer gets wrong."""
    ran = keyturn("keys", "list")

    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("keyturn: no node runs on .keyturn; start one with `keyturn serve`")
    assert ran.err.count("\n") == 1


def test_a_socket_that_nobody_listens_on_is_no_node(keyturn: Run, tmp_path: Path) -> None:
    """After a crash the file is still there."""
    run = tmp_path / ".keyturn/run"
    run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run / "control.sock"))

    ran = keyturn("keys", "list")

    assert ran.status == 1
    assert "no node runs on .keyturn" in ran.err


def test_the_data_directory_says_which_node(keyturn: Run, node: ManagementApi, tmp_path: Path) -> None:
    """Two nodes on one machine are told apart by it."""
    node.data("GET", "/api/v1/keys?limit=100", [])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(tmp_path / ".keyturn")

    by_flag = keyturn("keys", "list", "--data", str(elsewhere))
    wrong = keyturn("keys", "list", "--data", "nowhere")

    assert (by_flag.status, wrong.status) == (0, 1)


def test_the_local_socket_needs_and_gets_no_key(
    keyturn: Run, node: ManagementApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that lies around in the environment is for its own node only."""
    monkeypatch.setenv("KEYTURN_API_KEY", "ak-1")
    node.data("GET", "/api/v1/keys?limit=100", [])

    keyturn("keys", "list")

    assert node.asked[0].authorization is None


def test_a_node_elsewhere_is_reached_with_a_key(keyturn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Management from a laptop works as on the machine itself."""
    monkeypatch.setenv("KEYTURN_API_KEY", "ak-1")
    with over_tcp() as (api, address):
        api.data("GET", "/api/v1/keys?limit=100", [])

        ran = keyturn("keys", "list", "--url", f"{address}/v1")

    assert ran.status == 0
    assert api.asked[0].authorization == "Bearer ak-1"


def test_a_key_on_the_command_line_wins(keyturn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags beat the environment."""
    monkeypatch.setenv("KEYTURN_API_KEY", "ak-1")
    with over_tcp() as (api, address):
        monkeypatch.setenv("KEYTURN_URL", address)
        api.data("GET", "/api/v1/keys?limit=100", [])

        keyturn("keys", "list", "--key", "ak-2")

    assert api.asked[0].authorization == "Bearer ak-2"


def test_an_address_without_a_key_is_not_called(keyturn: Run) -> None:
    """The answer would be a 401 that says less."""
    ran = keyturn("keys", "list", "--url", "https://node.example")

    assert ran.status == 1
    assert "KEYTURN_API_KEY" in ran.err


def test_an_address_must_be_one(keyturn: Run) -> None:
    """A key is never sent to a typo."""
    ran = keyturn("keys", "list", "--url", "node.example", "--key", "ak-1")

    assert ran.err == "keyturn: node.example is not an http:// or https:// address\n"


def test_an_address_where_nothing_answers_is_named(keyturn: Run) -> None:
    """So that a wrong port is seen."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

    ran = keyturn("keys", "list", "--url", address, "--key", "ak-1")

    assert ran.status == 1
    assert ran.err.startswith(f"keyturn: nothing answers at {address}")


def test_a_refusal_is_one_line_with_its_code(keyturn: Run, node: ManagementApi) -> None:
    """What to fix is said once and can be searched for."""
    node.refuses("GET", "/api/v1/keys/x", 404, "RESOURCE_NOT_FOUND", "There is no such key")

    ran = keyturn("keys", "show", "x")

    assert (ran.status, ran.err) == (1, "keyturn: There is no such key (RESOURCE_NOT_FOUND)\n")


def test_a_refusal_names_the_member_at_fault(keyturn: Run, node: ManagementApi) -> None:
    """A body is built from options: which of them was wrong?"""
    node.refuses("POST", "/api/v1/keys", 400, "INVALID_MEMBER", "Too long", param="name")

    ran = keyturn("keys", "create", "x")

    assert ran.err == "keyturn: Too long (INVALID_MEMBER, name)\n"


def test_a_failure_of_the_node_can_be_looked_up(keyturn: Run, node: ManagementApi) -> None:
    """The request id finds the cause in the node's log."""
    node.refuses("GET", "/api/v1/keys/x", 500, "INTERNAL_ERROR", "Keyturn failed")

    ran = keyturn("keys", "show", "x")

    assert ran.err == "keyturn: Keyturn failed (INTERNAL_ERROR, req_00000000000000000001)\n"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"success":false}'])
def test_an_error_in_another_shape_is_shown_by_its_status(
    keyturn: Run, node: ManagementApi, body: bytes
) -> None:
    """A proxy in between has its own pages."""
    node.answers("GET", "/api/v1/keys/x", body, status=502)

    ran = keyturn("keys", "show", "x")

    assert ran.err == "keyturn: the answer was 502 Bad Gateway\n"


def test_something_else_at_the_address_is_recognised(keyturn: Run, node: ManagementApi) -> None:
    """A web page is not a list of keys."""
    node.answers("GET", "/api/v1/keys/x", b"<html>")

    ran = keyturn("keys", "show", "x")

    assert ran.err == "keyturn: what answers at http://keyturn is not Keyturn\n"


def test_an_answer_of_another_version_is_said_to_be_one(keyturn: Run, node: ManagementApi) -> None:
    """A traceback would help nobody."""
    node.data("GET", "/api/v1/keys/x", {"id": 5})

    ran = keyturn("keys", "show", "x")

    assert ran.status == 1
    assert "is it another version?" in ran.err


def test_a_wrong_setting_stops_a_command_too(keyturn: Run, tmp_path: Path) -> None:
    """The data directory might be the setting that is misspelt."""
    (tmp_path / "keyturn.toml").write_text("dta = 'x'\n")

    ran = keyturn("keys", "list")

    assert ran.err == "keyturn: keyturn.toml:1: unknown setting dta; did you mean data?\n"


def test_messages_cannot_play_with_the_terminal(keyturn: Run, node: ManagementApi) -> None:
    """An error may repeat what a stranger chose."""
    node.refuses("GET", "/api/v1/keys/x", 409, "CONFLICT", "no \x1b[2J key")

    assert "\x1b" not in keyturn("keys", "show", "x").err


def hang_up(listener: socket.socket) -> None:
    """Accept what a command opens, the knock and the call, and say nothing."""
    for _ in range(2):
        accepted, _ = listener.accept()
        accepted.close()


def test_a_node_that_goes_away_in_mid_call_is_not_taken_for_absent(keyturn: Run, tmp_path: Path) -> None:
    """It runs, and something happened to it: the log says what."""
    run = tmp_path / ".keyturn/run"
    run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(run / "control.sock"))
        listener.listen()
        hanging_up = threading.Thread(target=hang_up, args=(listener,))
        hanging_up.start()

        ran = keyturn("keys", "list")
        hanging_up.join()

    assert ran.status == 1
    assert ran.err.startswith("keyturn: the node broke off the call")


def test_a_socket_that_may_not_be_used_is_named(keyturn: Run, tmp_path: Path) -> None:
    """Something else stands where the socket should be, or it is somebody else's."""
    (tmp_path / ".keyturn").mkdir()
    (tmp_path / ".keyturn/run").touch()

    ran = keyturn("keys", "list")

    assert ran.status == 1
    assert "control.sock can't be used: Not a directory" in ran.err
