"""The commands about API keys."""

from typing import Any

import msgspec
import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

KEY: dict[str, Any] = {
    "id": "key_00000000000000000001",
    "name": "my-app",
    "description": "an app",
    "kind": "secret",
    "preset": "production",
    "status": "active",
    "display": "sk-AbCd…",
    "project_id": "proj_00000000000000000001",
    "permissions": ["read"],
    "expires_at": None,
    "secrets": [
        {"id": "sec_1", "display": "sk-AbCd…", "state": "active", "created_at": "2026-11-01T00:00:00Z"}
    ],
    "usage": {
        "requests": 12345,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_usd": "1.5",
        "last_used_at": None,
        "last_ip": None,
        "seen_in_url": False,
    },
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "local operator",
    "version": 1,
}
SECRET = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


def test_a_new_key_stands_alone_on_stdout(keyturn: Run, node: ManagementApi) -> None:
    """`export OPENAI_API_KEY=$(keyturn keys create x)` has to work."""
    node.answers("POST", "/api/v1/keys", {"success": True, "data": KEY, "key": SECRET}, status=201)

    ran = keyturn("keys", "create", "my-app")

    assert (ran.status, ran.out) == (0, f"{SECRET}\n")
    assert KEY["id"] in ran.err
    assert SECRET not in ran.err
    assert node.asked[0].body == {"name": "my-app"}


def test_what_is_said_about_a_new_key_reaches_the_node(keyturn: Run, node: ManagementApi) -> None:
    """An option that gets lost would make a key stronger than it was meant to be."""
    node.answers("POST", "/api/v1/keys", {"success": True, "data": KEY, "key": SECRET}, status=201)

    keyturn(
        *("keys", "create", "my-app", "--description", "d", "--kind", "management", "--preset", "admin"),
        *("--permission", "read", "--permission", "write", "--expires", "90d"),
    )

    assert node.asked[0].body == {
        "name": "my-app",
        "description": "d",
        "kind": "management",
        "preset": "admin",
        "permissions": ["read", "write"],
        "expires_in_s": 90 * 86_400,
    }


def test_every_option_of_a_new_key_reaches_the_node(keyturn: Run, node: ManagementApi) -> None:
    """From the owner to the metadata."""
    node.answers("POST", "/api/v1/keys", {"success": True, "data": KEY, "key": SECRET}, status=201)

    keyturn(
        *("keys", "create", "my-app", "--kind", "publishable", "--project", "web", "--user", "a@b.c"),
        *("--environment", "staging", "--model", "gpt-*", "--model", "tts", "--endpoint", "/v1/*"),
        *("--ip", "10.0.0.0/8", "--origin", "https://a.b.c", "--location", "header", "--expires", "never"),
        *("--not-before", "2030-01-31", "--rotate-every", "90d", "--overlap", "7d", "--self-rotation"),
        *("--sealing-key", "abc=", "--sink", "/etc/a.env", "--recoverable", "--delete-protected"),
        *("--tag", "t", "--metadata", "k=v", "--decoy"),
    )

    assert node.asked[0].body == {
        "name": "my-app",
        "kind": "publishable",
        "project_id": "web",
        "user_id": "a@b.c",
        "environment": "staging",
        "models": ["gpt-*", "tts"],
        "endpoints": ["/v1/*"],
        "ip": ["10.0.0.0/8"],
        "origins": ["https://a.b.c"],
        "locations": ["header"],
        "not_before": "2030-01-31T00:00:00Z",
        "rotation": {
            "every_days": 90,
            "overlap_hours": 168,
            "self_rotation": True,
            "sealing_key": "abc=",
            "sink": "/etc/a.env",
        },
        "recoverable": True,
        "delete_protected": True,
        "tags": ["t"],
        "metadata": {"k": "v"},
        "decoy": True,
    }


def test_a_new_key_as_json_holds_everything(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read the id and the secret from one document."""
    node.answers("POST", "/api/v1/keys", {"success": True, "data": KEY, "key": SECRET}, status=201)

    ran = keyturn("keys", "create", "my-app", "--json")

    document = msgspec.json.decode(ran.out)
    assert (document["key"], document["data"]["id"]) == (SECRET, KEY["id"])


def test_the_list_shows_what_an_operator_looks_for(keyturn: Run, node: ManagementApi) -> None:
    """Which keys are there, which work, which are used."""
    node.data("GET", "/api/v1/keys?limit=100", [KEY], next_cursor=None)

    ran = keyturn("keys", "list")

    line = next(line for line in ran.out.splitlines() if "my-app" in line)
    for part in ("sk-AbCd…", "● active", "12,345", "$1.50", "never", "2026-01-01", KEY["id"]):
        assert part in line


def test_the_list_goes_on_to_the_last_page(keyturn: Run, node: ManagementApi) -> None:
    """A list that ends at a hundred without a word hides the rest."""
    node.data("GET", "/api/v1/keys?status=active&limit=100", [KEY], next_cursor="abc")
    node.data("GET", "/api/v1/keys?status=active&limit=100&cursor=abc", [{**KEY, "name": "second"}])

    ran = keyturn("keys", "list", "--status", "active", "--json")

    assert [key["name"] for key in msgspec.json.decode(ran.out)] == ["my-app", "second"]


def test_a_list_is_narrowed_by_the_node(keyturn: Run, node: ManagementApi) -> None:
    """Every filter there is."""
    query = "status=active&search=s&kind=secret&account=a&project=p&user=u&environment=e&tag=t&deleted=true"
    node.data("GET", f"/api/v1/keys?{query}&limit=100", [KEY])

    ran = keyturn(
        *("keys", "list", "--status", "active", "--search", "s", "--kind", "secret", "--account", "a"),
        *("--project", "p", "--user", "u", "--environment", "e", "--tag", "t", "--deleted"),
    )

    assert "my-app" in ran.out


def test_an_empty_list_says_what_to_do(keyturn: Run, node: ManagementApi) -> None:
    """The next step is offered where it is missed."""
    node.data("GET", "/api/v1/keys?limit=100", [])

    ran = keyturn("keys", "list")

    assert "keyturn keys create" in ran.err


def test_names_cannot_play_with_the_terminal(keyturn: Run, node: ManagementApi) -> None:
    """A name comes from whoever made the key; it may not colour, hide or overwrite what the operator reads."""
    node.data("GET", "/api/v1/keys?limit=100", [{**KEY, "name": "\x1b[2Jgone [red]x[/red]"}])

    ran = keyturn("keys", "list")

    assert "\x1b" not in ran.out
    assert "\ufffd[2Jgone [red]x[/red]" in ran.out


def test_a_key_can_be_named_with_any_characters(keyturn: Run, node: ManagementApi) -> None:
    """What has a meaning in a path must not lead elsewhere."""
    node.data("GET", "/api/v1/keys/b%20c%3F%23", {**KEY, "name": "b c?#"})

    ran = keyturn("keys", "show", "b c?#")

    assert ran.status == 0
    assert "b c?#" in ran.out


def test_a_key_with_a_slash_in_its_name_is_reached_by_its_id(keyturn: Run, node: ManagementApi) -> None:
    """No segment of a path can hold such a name."""
    named = {**KEY, "name": "a/b"}
    node.data("GET", "/api/v1/keys?search=a%2Fb&limit=100", [named, {**KEY, "id": "key_2", "name": "a/b/c"}])
    node.data("GET", f"/api/v1/keys/{KEY['id']}", named)

    ran = keyturn("keys", "show", "a/b")

    assert ran.status == 0
    assert "a/b" in ran.out


@pytest.mark.parametrize(
    ("known", "said"), [([], "no such key"), (["key_1", "key_2"], "2 keys have this name")]
)
def test_a_name_with_a_slash_that_is_not_one_keys_is_refused(
    keyturn: Run, node: ManagementApi, known: list[str], said: str
) -> None:
    """Nothing is guessed."""
    node.data(
        "GET",
        "/api/v1/keys?search=a%2Fb&limit=100",
        [{**KEY, "id": key_id, "name": "a/b"} for key_id in known],
    )

    ran = keyturn("keys", "disable", "a/b")

    assert ran.status == 1
    assert said in ran.err


def test_a_key_as_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("GET", "/api/v1/keys/my-app", KEY)

    assert msgspec.json.decode(keyturn("keys", "show", "my-app", "--json").out) == KEY


def test_a_key_that_was_in_a_url_is_pointed_out(keyturn: Run, node: ManagementApi) -> None:
    """It stands in somebody's access log."""
    usage = {**KEY["usage"], "seen_in_url": True, "last_used_at": "2026-11-01T00:00:00Z", "last_ip": "::1"}
    node.data("GET", "/api/v1/keys/my-app", {**KEY, "usage": usage})

    ran = keyturn("keys", "show", "my-app")

    assert "replace it" in ran.out
    assert "from ::1" in ran.out


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("--name", "new"), {"name": "new"}),
        (("--description", ""), {"description": ""}),
        (("--expires", "never"), {"expires_at": None}),
        (("--expires", "2030-01-31"), {"expires_at": "2030-01-31T00:00:00Z"}),
        (("--model", "none", "--ip", "::1"), {"models": [], "ip": ["::1"]}),
        (
            ("--no-recoverable", "--rotate-every", "never"),
            {"recoverable": False, "rotation": {"every_days": None}},
        ),
    ],
)
def test_only_what_is_named_is_changed(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], body: dict[str, object]
) -> None:
    """An edit that touches more than it was told to is a trap."""
    node.data("PATCH", "/api/v1/keys/my-app", KEY)

    ran = keyturn("keys", "edit", "my-app", *arguments)

    assert ran.status == 0
    assert node.asked[0].body == body


def test_an_edit_without_a_change_is_refused(keyturn: Run, node: ManagementApi) -> None:
    """Nothing is not a change."""
    ran = keyturn("keys", "edit", "my-app")

    assert (ran.status, node.asked) == (1, [])


@pytest.mark.parametrize("action", ["enable", "disable", "undelete"])
def test_an_action_is_asked_for_and_reported(keyturn: Run, node: ManagementApi, action: str) -> None:
    """What the operator reads is what the node has done."""
    status = {"enable": "active", "disable": "disabled", "undelete": "expired"}[action]
    node.data("POST", f"/api/v1/keys/my-app/{action}", {**KEY, "status": status})

    ran = keyturn("keys", action, "my-app")

    assert ran.status == 0
    assert status in ran.out


@pytest.mark.parametrize("action", ["enable", "disable", "undelete", "revoke", "delete", "edit"])
def test_every_action_answers_in_json(keyturn: Run, node: ManagementApi, action: str) -> None:
    """Scripts change keys, too."""
    path = f"/api/v1/keys/{KEY['id']}"
    method, end = {"delete": ("DELETE", ""), "edit": ("PATCH", "")}.get(action, ("POST", f"/{action}"))
    node.data("GET", path, KEY)
    node.data(method, path + end, {**KEY, "version": 2})
    more = {"edit": ("--expires", "never"), "revoke": ("--yes",), "delete": ("--yes",)}.get(action, ())

    ran = keyturn("keys", action, KEY["id"], *more, "--json")

    assert msgspec.json.decode(ran.out)["version"] == 2


@pytest.mark.parametrize(("action", "method"), [("delete", "DELETE"), ("revoke", "POST")])
def test_what_is_final_asks_for_the_name(keyturn: Run, node: ManagementApi, action: str, method: str) -> None:
    """A key in use is not lost to a slip of the finger."""
    path = "/api/v1/keys/key_00000000000000000001"
    node.data("GET", path, KEY)
    node.data("DELETE", path, None)
    node.data("POST", f"{path}/revoke", {**KEY, "status": "revoked"})

    ran = keyturn("keys", action, KEY["id"], typed="my-app\n")

    assert ran.status == 0
    assert [one.method for one in node.asked] == ["GET", method]


@pytest.mark.parametrize("action", ["delete", "revoke"])
@pytest.mark.parametrize("typed", ["", "\n", "y\n", "my-ap\n"])
def test_anything_but_the_name_ends_nothing(
    keyturn: Run, node: ManagementApi, action: str, typed: str
) -> None:
    """Neither a "yes" by habit nor the end of the input is a confirmation."""
    node.data("GET", "/api/v1/keys/my-app", KEY)

    ran = keyturn("keys", action, "my-app", typed=typed)

    assert ran.status == 1
    assert f"nothing was {action}d" in ran.err
    assert [one.method for one in node.asked] == ["GET"]


def test_a_script_deletes_without_being_asked(keyturn: Run, node: ManagementApi) -> None:
    """--yes is the confirmation."""
    node.data("GET", "/api/v1/keys/my-app", KEY)
    node.answers("DELETE", "/api/v1/keys/key_00000000000000000001", b"", status=204)

    ran = keyturn("keys", "delete", "my-app", "--yes")

    assert ran.status == 0
