"""``keyturn import``."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/keys/import"
DIGEST = "ab" * 32
DONE = {"project_id": "proj_1", "imported": 2, "duplicates": 1, "dry_run": False}


def body(node: ManagementApi) -> Any:
    """Return what was sent."""
    [asked] = node.asked
    return asked.body


def test_a_file_is_sent_with_what_its_secrets_look_like(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """The node must know which texts to look up."""
    node.data("POST", PATH, DONE)
    (tmp_path / "keys.csv").write_text(
        f"token,key_alias,expires,rpm_limit,max_budget\n{DIGEST},app,2027-01-31 12:00:00,60,2.5\n"
    )

    ran = keyturn("import", "litellm", "keys.csv", "--project", "proj_1")

    assert ran.status == 0
    assert body(node) == {
        "source": "litellm",
        "shapes": [{"prefix": "sk-", "length": 25}],
        "keys": [
            {
                "digest": DIGEST,
                "name": "app",
                "display": "sk-…",
                "shapes": [0],
                "expires_at": "2027-01-31T12:00:00Z",
                "limits": [
                    {"metric": "requests", "window": "minute", "max": 60},
                    {"metric": "cost_usd", "window": "lifetime", "max": "2.5"},
                ],
            }
        ],
        "project_id": "proj_1",
        "dry_run": False,
    }


def test_what_was_not_carried_over_is_listed(keyturn: Run, node: ManagementApi, tmp_path: Path) -> None:
    """Whoever relied on a budget must set it again."""
    node.data("POST", PATH, DONE)
    rows = [{"hash": DIGEST, "limit": 5}, {"hash": "cd" * 32, "limit": 7}]
    rows = [row | {"limit_reset": "weekly"} for row in rows]
    (tmp_path / "keys.json").write_text(json.dumps({"data": rows}))

    shown = keyturn("import", "openrouter", "keys.json")
    told = keyturn("import", "openrouter", "keys.json", "--json")

    assert "not carried over: limit" in shown.out
    assert "set in 2" in shown.out
    assert json.loads(told.out) == DONE | {"skipped": {}, "not_carried": {"limit": 2, "limit_reset": 2}}


def test_other_shapes_can_be_named(keyturn: Run, node: ManagementApi, tmp_path: Path) -> None:
    """Owners of LiteLLM may have chosen their keys themselves."""
    node.data("POST", PATH, DONE)
    (tmp_path / "keys.json").write_text(json.dumps([{"token": DIGEST}]))

    keyturn("import", "litellm", "keys.json", "--shape", "sk-:40", "--shape", "team_:30", "--dry-run")

    sent = body(node)
    assert sent["shapes"] == [{"prefix": "sk-", "length": 40}, {"prefix": "team_", "length": 30}]
    assert (sent["keys"][0]["shapes"], sent["dry_run"]) == ([0, 1], True)


def test_a_token_in_the_clear_never_leaves_this_machine(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """Only its digest is sent."""
    node.data("POST", PATH, DONE)
    key = "hF3kd9Qm2LpX7vTzRb4NcY8sWj6GaU5eKq1Do0MiHnZxVtBy"
    (tmp_path / "tokens.json").write_text(json.dumps([{"key": key, "name": "shop"}]))

    ran = keyturn("import", "one-api", "tokens.json")

    assert key[8:] not in json.dumps(body(node)) + ran.out + ran.err


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ('[{"hash": "x"}]', (), "1 of the rows can't be taken over, so none was"),
        ("[]", (), "has no keys in use"),
        ("[1]", (), "line 1"),
        ("[]", ("--shape", "sk-"), "write PREFIX:LENGTH"),
        ("[]", ("--shape", "sk-:35"), "Keyturn's own keys look like this"),
        (None, (), "can't be read"),
    ],
)
def test_what_can_not_be_imported_is_said_before_anything_is_sent(
    keyturn: Run,
    node: ManagementApi,
    tmp_path: Path,
    *,
    text: str | None,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """All or nothing begins here."""
    if text is not None:
        (tmp_path / "keys.json").write_text(text)

    ran = keyturn("import", "openrouter", "keys.json", *arguments)

    assert ran.status == 1
    assert message in ran.err
    assert node.asked == []
