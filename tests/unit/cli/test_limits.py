"""The commands about limits."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fakes.management_api import ManagementApi
from keyturn.cli import screen
from keyturn.system import now
from unit.cli.conftest import Run

PATH = "/api/v1/keys/app/limits"
MINUTE = {"metric": "requests", "window": "minute", "max": 60, "shadow": False}
MONTH = {"metric": "cost_usd", "window": "month", "max": "20.5", "model": "gpt-*", "shadow": True}
DATA: dict[str, Any] = {
    "id": "key_1",
    "version": 7,
    "limits": [
        MINUTE | {"used": 1_204, "remaining": 0, "resets_at": None},
        MONTH | {"used": "5.125", "remaining": "15.375", "resets_at": "2099-01-01T00:00:00Z"},
    ],
    "inherited": [
        {
            "metric": "concurrency",
            "max": 5,
            "scope": "plan",
            "used": None,
            "remaining": None,
            "resets_at": None,
        }
    ],
}


def test_each_limit_is_shown_with_what_is_used_of_it(keyturn: Run, node: ManagementApi) -> None:
    """In the unit of its metric, and those of its owners below."""
    node.data("GET", PATH, DATA)

    out = keyturn("limits", "show", "app").out

    first, second, third = (line.split() for line in out.splitlines() if "/" in line or "concurrency" in line)
    assert first[:4] == ["requests/minute", "60", "1,204", "0"]
    assert second[:5] == ["cost_usd/month:gpt-*", "$20.50", "shadow", "$5.125", "$15.375"]
    assert "2099-01-01" in second
    assert third[:4] == ["concurrency", "5", screen.NOTHING, screen.NOTHING]
    assert third[-1] == "plan"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("app",), PATH),
        (("--project", "shop"), "/api/v1/projects/shop/limits"),
        (("--account", "acme"), "/api/v1/accounts/acme/limits"),
        (("--plan", "gold"), "/api/v1/plans/gold/limits"),
    ],
)
def test_limits_of_everything_that_has_them_are_shown_and_set(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], path: str
) -> None:
    """The same options everywhere; JSON is the node's own."""
    for method in ("GET", "PUT"):
        node.data(method, path, DATA)

    shown = keyturn("limits", "show", *arguments, "--json")
    done = keyturn(
        "limits", "set", *arguments, "--limit", "requests/minute=60", "--limit", "concurrency=5", "--json"
    )

    assert msgspec.json.decode(shown.out) == msgspec.json.decode(done.out) == DATA
    assert node.asked[1].body == {
        "limits": [
            {"metric": "requests", "window": "minute", "max": 60},
            {"metric": "concurrency", "max": 5},
        ]
    }


def test_limits_are_set_in_shadow_or_taken_away(keyturn: Run, node: ManagementApi) -> None:
    """Money goes as a string; nothing left is said."""
    node.data("PUT", PATH, DATA | {"limits": [], "inherited": []})

    keyturn("limits", "set", "app", "--limit", "cost_usd/month:gpt-*=20.50", "--shadow")
    cleared = keyturn("limits", "set", "app", "--limit", "none")

    assert [one.body["limits"] for one in node.asked] == [
        [{"metric": "cost_usd", "window": "month", "max": "20.5", "model": "gpt-*", "shadow": True}],
        [],
    ]
    assert "Nothing limits it" in cleared.err


def test_a_raise_keeps_everything_else_as_it_is(keyturn: Run, node: ManagementApi) -> None:
    """And is refused if somebody has changed the limits meanwhile."""
    node.data("GET", PATH, DATA)
    until = "2099-12-24T00:00:00Z"
    raised = MINUTE | {"raise": {"max": 120, "until": until}, "used": 7, "remaining": 113}
    node.data("PUT", PATH, DATA | {"limits": [raised]})

    ran = keyturn("limits", "raise", "app", "requests/minute=120", "--until", "2099-12-24")

    asked = node.asked[1]
    assert asked.body == {
        "limits": [
            {
                "metric": "requests",
                "window": "minute",
                "max": 60,
                "raise": {"max": 120, "until": "2099-12-24T00:00:00Z"},
            },
            {"metric": "cost_usd", "window": "month", "max": "20.5", "model": "gpt-*", "shadow": True},
        ]
    }
    assert asked.headers["if-match"] == '"7"'
    assert "120 until 2099-12-24" in ran.out


def test_a_raise_of_an_account_names_no_key(keyturn: Run, node: ManagementApi) -> None:
    """All words are limits then; a raise that is in force goes along."""
    path = "/api/v1/accounts/acme/limits"
    until = "2099-01-01T00:00:00Z"
    data = DATA | {"limits": [MINUTE | {"raise": {"max": 90, "until": until}}, MONTH]}
    node.data("GET", path, data)
    node.data("PUT", path, data)

    ran = keyturn("limits", "raise", "cost_usd/month:gpt-*=30", "--account", "acme", "--until", "2d")

    first, second = node.asked[1].body["limits"]
    assert ran.status == 0
    assert first["raise"] == {"max": 90, "until": until}
    assert second["raise"]["max"] == "30"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show",), "say whose"),
        (("show", "app", "--plan", "gold"), "say whose"),
        (("set", "app"), "say which with --limit"),
        (("set", "app", "--limit", "requests=60"), "requests needs a window"),
        (("set", "app", "--limit", "none", "--limit", "concurrency=5"), "METRIC/WINDOW=MAX"),
        (("raise", "app", "--until", "2d"), "say what to allow meanwhile"),
        (("raise", "app", "requests/minute=9", "--until", "soon"), "'soon' is not a time"),
        (
            ("raise", "app", "requests/hour=9", "--until", "2d"),
            "it has requests/minute, cost_usd/month:gpt-*",
        ),
    ],
)
def test_a_slip_is_told_before_anything_is_changed(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], says: str
) -> None:
    """With what would have been right."""
    node.data("GET", PATH, DATA)

    ran = keyturn("limits", *arguments)

    assert (ran.status, says in ran.err) == (1, True), ran.err
    assert [one.method for one in node.asked] in ([], ["GET"])


def test_keys_take_limits_when_they_are_created_and_changed(keyturn: Run, node: ManagementApi) -> None:
    """As the API writes them; `none` takes all away, and nothing said changes nothing."""
    key = {"id": "key_1", "name": "app", "status": "active", "display": "sk-AbCd…"}
    key |= {"created_at": "2026-01-01T00:00:00Z"}
    node.answers("POST", "/api/v1/keys", {"success": True, "data": key, "key": "sk-1"}, status=201)
    node.data("PATCH", "/api/v1/keys/app", key)

    keyturn("keys", "create", "app", "--limit", "requests/minute=60", "--limit", "cost_usd/month=20")
    keyturn("keys", "edit", "app", "--limit", "none")
    keyturn("keys", "edit", "app", "--description", "x")
    bad = keyturn("keys", "create", "app", "--limit", "requests/fortnight=60")

    assert [one.body.get("limits") for one in node.asked] == [
        [
            {"metric": "requests", "window": "minute", "max": 60},
            {"metric": "cost_usd", "window": "month", "max": "20"},
        ],
        [],
        None,
    ]
    assert (bad.status, "'fortnight' is no window" in bad.err) == (1, True)


def test_a_key_is_shown_with_what_is_left_of_its_limits(keyturn: Run, node: ManagementApi) -> None:
    """Whoever looks a key up because it was refused must see why; JSON stays one document."""
    until = {"max": 90, "until": "2099-01-01T00:00:00Z"}
    key = {"id": "key_1", "name": "app", "status": "active", "display": "sk-AbCd…"}
    limits = [MINUTE | {"raise": until}, MONTH]
    shown_key = key | {"created_at": "2026-01-01T00:00:00Z", "limits": limits}
    node.data("GET", "/api/v1/keys/app", shown_key)
    node.data("GET", PATH, DATA)

    shown = keyturn("keys", "show", "app").out
    as_json = keyturn("keys", "show", "app", "--json").out

    assert "requests/minute=60, raised to 90 until 2099-01-01T00:00:00Z (2099-01-01)" in shown
    assert "cost_usd/month:gpt-*=20.5, refuses nothing (shadow)" in shown
    assert "1,204" in shown
    assert msgspec.json.decode(as_json)["id"] == "key_1"


def test_accounts_and_projects_show_their_limits_and_take_a_time_zone(
    keyturn: Run, node: ManagementApi
) -> None:
    """Where its days begin decides when a daily limit is there again."""
    owner = {"id": "x_1", "name": "acme", "status": "active", "created_at": "2026-01-01T00:00:00Z"}
    account = owner | {"time_zone": "Asia/Tokyo", "limits": [MINUTE]}
    node.answers("POST", "/api/v1/accounts", {"success": True, "data": account}, status=201)
    node.data("PATCH", "/api/v1/accounts/acme", account)
    node.data("GET", "/api/v1/projects/shop", owner | {"account_id": "acct_1", "limits": [MONTH]})

    keyturn("accounts", "create", "acme", "--time-zone", "Asia/Tokyo")
    edited = keyturn("accounts", "edit", "acme", "--time-zone", "Asia/Tokyo")
    project = keyturn("projects", "show", "shop")

    assert node.asked[0].body == {"name": "acme", "metadata": {}, "time_zone": "Asia/Tokyo"}
    assert node.asked[1].body == {"time_zone": "Asia/Tokyo"}
    assert "Asia/Tokyo" in edited.out
    assert "requests/minute=60" in edited.out
    assert "cost_usd/month:gpt-*=20.5" in project.out


def test_a_verification_tells_the_limits(keyturn: Run, node: ManagementApi) -> None:
    """They are part of what a key may do."""
    verdict = {"valid": True, "code": "VALID", "key_id": "key_1", "name": "app", "limits": [MINUTE]}
    node.data("POST", "/api/v1/keys/verify", verdict)

    assert "requests/minute=60" in keyturn("keys", "verify", "sk-1").out


def test_a_raise_that_ends_soon_says_for_how_long(keyturn: Run, node: ManagementApi) -> None:
    """A date would have to be worked out."""
    soon = datetime.fromtimestamp(now() + 2 * 86_400, UTC).isoformat()
    node.data("GET", PATH, DATA | {"limits": [MINUTE | {"raise": {"max": 120, "until": soon}}]})

    assert "120 for 2 d" in keyturn("limits", "show", "app").out
