"""New secrets on the command line."""

from typing import Any

import pytest

from fakes.management_api import ManagementApi, over_tcp
from unit.cli.conftest import Run

SECRET = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"
TOKEN = "7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u"
PATH = "/api/v1/keys/my-app/rotate"
SECRETS = [
    {
        "id": "sec_1",
        "display": "sk-old1…",
        "state": "retiring",
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z",
    },
    {
        "id": "sec_2",
        "display": "sk-ABCD…",
        "state": "pending",
        "created_at": "2026-01-01T00:00:00Z",
    },
]
KEY = {
    "id": "key_1",
    "name": "my-app",
    "status": "active",
    "display": "sk-ABCD…",
    "created_at": "2026-01-01T00:00:00Z",
    "secrets": SECRETS,
}
LINK = {"token": TOKEN, "url": f"https://k.test/claim#{TOKEN}", "expires_at": "2026-01-01T00:05:00Z"}


def test_the_new_secret_stands_alone_on_stdout(keyturn: Run, node: ManagementApi) -> None:
    """`export KEY=$(keyturn keys rotate my-app)` must work; what happens next is told beside it."""
    node.data("POST", PATH, KEY, key=SECRET)

    ran = keyturn("keys", "rotate", "my-app")

    assert (ran.status, ran.out) == (0, f"{SECRET}\n")
    assert node.asked[0].body == {}
    for part in ("my-app (key_1)", "retiring", "2099-01-01", "its first use starts the overlap"):
        assert part in ran.err


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--overlap", "2d"], {"overlap_hours": 48}),
        (["--overlap", "12h"], {"overlap_hours": 12}),
        (["--overlap", "0h"], {"overlap_hours": 0}),
        (["--now"], {"revoke_old": True}),
    ],
)
def test_the_overlap_is_said_in_spans(
    keyturn: Run, node: ManagementApi, options: list[str], body: dict[str, Any]
) -> None:
    """As everywhere on the command line."""
    node.data("POST", PATH, KEY, key=SECRET)

    keyturn("keys", "rotate", "my-app", *options)

    assert node.asked[0].body == body


@pytest.mark.parametrize(("options", "ttl"), [([], "300"), (["--ttl", "1h"], "3600")])
def test_a_link_stands_there_instead(keyturn: Run, node: ManagementApi, options: list[str], ttl: str) -> None:
    """The secret itself is seen by whoever opens it, and by nobody before."""
    node.data("POST", PATH, KEY, key=None, claim=LINK)

    ran = keyturn("keys", "rotate", "my-app", "--claim", *options)

    assert ran.out == f"{LINK['url']}\n"
    assert node.asked[0].body == {"delivery": "claim"}
    assert node.asked[0].headers["x-wrap-ttl"] == ttl


def test_a_box_stands_there_and_a_file_is_named(keyturn: Run, node: ManagementApi) -> None:
    """Whatever was delivered, and never a secret that was not."""
    node.data("POST", PATH, KEY, key=None, sealed="Ym94")
    node.data("POST", PATH, KEY, key=None, written_to="/srv/app/.env")

    box = keyturn("keys", "rotate", "my-app")
    file = keyturn("keys", "rotate", "my-app")

    assert box.out == "Ym94\n"
    assert file.out == ""
    assert "/srv/app/.env" in file.err


@pytest.mark.parametrize(
    "options", [["--overlap", "soon"], ["--overlap", "90m"], ["--ttl", "5m"], ["--claim", "--ttl", "x"]]
)
def test_what_can_not_be_understood_changes_nothing(
    keyturn: Run, node: ManagementApi, options: list[str]
) -> None:
    """Above all not the key."""
    ran = keyturn("keys", "rotate", "my-app", *options)

    assert (ran.status, node.asked) == (1, [])
    assert ran.err.count("\n") == 1


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Programs take what they need from it."""
    node.data("POST", PATH, KEY, key=SECRET)

    ran = keyturn("keys", "rotate", "my-app", "--json")

    assert f'"key": "{SECRET}"' in ran.out


CLAIMED = {"key_id": "key_1", "name": "my-app", "secret_id": "sec_2", "display": "sk-ABCD…"}


@pytest.mark.parametrize("argument", [TOKEN, f"{{url}}/claim#{TOKEN}"])
def test_a_link_is_claimed_without_any_key(keyturn: Run, node: ManagementApi, argument: str) -> None:
    """Whoever was sent a link has nothing but the link."""
    with over_tcp() as (elsewhere, url):
        for api in (node, elsewhere):
            api.data("POST", "/api/v1/claims", CLAIMED, key=SECRET)

        ran = keyturn("keys", "claim", argument.format(url=url))

        asked = node.asked + elsewhere.asked
        assert (ran.status, ran.out) == (0, f"{SECRET}\n")
        assert [(one.body, one.authorization) for one in asked] == [({"token": TOKEN}, None)]
        assert len(elsewhere.asked) == int("#" in argument)


def test_a_used_link_ends_with_status_1(keyturn: Run, node: ManagementApi) -> None:
    """Somebody else has the key, and a script must not go on without."""
    node.refuses("POST", "/api/v1/claims", 409, "CONFLICT", "This link was used at noon; it works once")

    ran = keyturn("keys", "claim", TOKEN)

    assert (ran.status, ran.out) == (1, "")
    assert "it works once" in ran.err


def test_one_secret_is_revoked_after_the_keys_name_was_typed(keyturn: Run, node: ManagementApi) -> None:
    """By its id, or by what is shown of it."""
    at = "/api/v1/keys/my-app"
    node.data("GET", at, KEY)
    node.data("DELETE", "/api/v1/keys/key_1/secrets/sec_1", KEY)

    wrong = keyturn("keys", "revoke-secret", "my-app", "sec_1", typed="my\n")
    typed = keyturn("keys", "revoke-secret", "my-app", "sk-old1…", typed="my-app\n")
    sure = keyturn("keys", "revoke-secret", "my-app", "sec_1", "--yes", "--json")

    assert wrong.status == 1
    assert "nothing was revoked" in wrong.err
    assert typed.out == "Revoked the secret sk-old1… of key_1\n"
    assert '"id":"key_1"' in sure.out.replace(" ", "")
    assert [one.method for one in node.asked] == ["GET", "GET", "DELETE", "GET", "DELETE"]


def test_a_secret_that_is_not_the_keys_or_not_the_only_one_is_not_revoked(
    keyturn: Run, node: ManagementApi
) -> None:
    """Nothing is guessed."""
    twins = [{**SECRETS[0], "display": "sk-same…"}, {**SECRETS[1], "display": "sk-same…"}]
    twin = KEY | {"secrets": twins}
    node.data("GET", "/api/v1/keys/my-app", twin)

    absent = keyturn("keys", "revoke-secret", "my-app", "sec_9")
    several = keyturn("keys", "revoke-secret", "my-app", "sk-same")
    nothing = keyturn("keys", "revoke-secret", "my-app", "…")

    assert "keys show" in absent.err
    assert "keys show" in nothing.err
    assert "sec_1, sec_2" in several.err
    assert [one.method for one in node.asked] == ["GET", "GET", "GET"]
