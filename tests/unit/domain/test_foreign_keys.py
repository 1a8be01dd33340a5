"""Keys of other systems."""

import base64
import hashlib
from typing import Any

import pytest

from keyturn.domain.foreign_keys import (
    BadRowError,
    ForeignKey,
    Shape,
    Skipped,
    Source,
    problem_with_shape,
    read,
)
from keyturn.domain.limits import Limit, Metric, Window

SECRET = "sk-Zk3_pQ9vL2mX7wT4bN8sRa"
DIGEST = hashlib.sha256(SECRET.encode()).digest()
TOKEN = "hF3kd9Qm2LpX7vTzRb4NcY8sWj6GaU5eKq1Do0MiHnZxVtBy"


def taken(source: Source, **row: Any) -> ForeignKey:
    """Read a row that is a key."""
    found = read(source, row)
    assert isinstance(found, ForeignKey)
    return found


def test_a_litellm_row_keeps_what_has_a_place_here() -> None:
    """The digest is what the holder's secret is recognised by."""
    found = taken(
        Source.LITELLM,
        token=DIGEST.hex(),
        key_name="sk-...sRa",
        key_alias="billing",
        expires="2027-01-31 12:00:00",
        models="{gpt-4o,all-proxy-models}",
        blocked="t",
        team_id="team-1",
        max_budget="10",
        soft_budget="8",
        rpm_limit="60",
        tpm_limit=None,
        aliases="{}",
    )

    assert (found.digest, found.name, found.display) == (DIGEST, "billing", "sk-...sRa")
    assert (found.models, found.enabled, found.metadata) == (("gpt-4o",), False, {"team_id": "team-1"})
    assert found.expires_at_ms == 1_801_396_800_000
    assert found.shapes == (("sk-", 25),)
    assert found.limits == (
        Limit(Metric.REQUESTS, Window.MINUTE, 60),
        Limit(Metric.COST, Window.LIFETIME, 10 * 10**9),
    )
    assert found.not_carried == ("soft_budget",)


def test_a_litellm_token_in_the_clear_is_hashed_as_litellm_does() -> None:
    """Older databases hold some, and their owners may have chosen the length."""
    found = taken(Source.LITELLM, token="sk-chosen-by-a-customer-1234", models=[])

    assert found.digest == hashlib.sha256(b"sk-chosen-by-a-customer-1234").digest()
    assert found.shapes == (("sk-", 28),)


def test_models_of_a_litellm_team_are_said_to_be_left_out() -> None:
    """Silence would look as if the key were restricted as before."""
    found = taken(Source.LITELLM, token=DIGEST.hex(), models=["all-team-models"])

    assert found.models == ()
    assert "models: all-team-models" in found.not_carried


@pytest.mark.parametrize(
    "hashed",
    [
        base64.b64encode(DIGEST).decode(),
        {"value": base64.b64encode(DIGEST).decode(), "variant": "sha256_base64"},
    ],
)
def test_an_unkey_row_is_looked_up_by_its_prefix_and_the_lengths_of_sixteen_bytes(hashed: object) -> None:
    """Base58 of the same number of bytes is not always as long."""
    found = taken(
        Source.UNKEY,
        hash=hashed,
        start="acme_3ZHg",
        name="app",
        enabled=1,
        ratelimits=[{"limit": 10}],
        ownerId="u1",
    )

    assert (found.digest, found.name, found.display) == (DIGEST, "app", "acme_3ZHg…")
    assert found.shapes == (("acme_", 25), ("acme_", 26), ("acme_", 27))
    assert (found.enabled, found.not_carried, found.metadata) == (True, ("ratelimits",), {"ownerId": "u1"})


def test_an_openrouter_row_is_looked_up_by_its_fixed_shape() -> None:
    """Their secrets are 64 hexadecimal digits behind sk-or-v1-."""
    found = taken(
        Source.OPENROUTER,
        hash=DIGEST.hex(),
        label="sk-or-v1-0e6...1c96",
        name="app",
        disabled=True,
        limit=100,
        limit_reset="weekly",
    )

    assert (found.digest, found.display, found.enabled) == (DIGEST, "sk-or-v1-0e6...1c96", False)
    assert (found.shapes, found.limits) == ((("sk-or-v1-", 73),), ())
    assert found.not_carried == ("limit", "limit_reset")


def test_a_one_api_token_is_presented_with_the_prefix_it_is_stored_without() -> None:
    """Its holder sends sk- and the 48 characters."""
    found = taken(
        Source.ONE_API,
        key=TOKEN,
        name="shop",
        status=1,
        expired_time=-1,
        models="gpt-4o,gpt-4o-mini",
        subnet="10.0.0.0/8",
        unlimited_quota=0,
        remain_quota=500_000,
    )

    assert found.digest == hashlib.sha256(f"sk-{TOKEN}".encode()).digest()
    assert (found.shapes, found.display) == ((("sk-", 51),), "sk-hF3k…")
    assert (found.models, found.ip) == (("gpt-4o", "gpt-4o-mini"), ("10.0.0.0/8",))
    assert found.limits == (Limit(Metric.COST, Window.LIFETIME, 10**9),)
    assert found.not_carried == ()


def test_new_api_limits_models_only_where_that_is_switched_on() -> None:
    """Its column keeps the list when the switch is off."""
    off = taken(Source.ONE_API, key=TOKEN, model_limits="gpt-4o", model_limits_enabled=0)
    on = taken(
        Source.ONE_API, key=TOKEN, model_limits="gpt-4o", model_limits_enabled=1, allow_ips="192.0.2.1\n"
    )

    assert (off.models, on.models, on.ip) == ((), ("gpt-4o",), ("192.0.2.1/32",))


@pytest.mark.parametrize(("status", "enabled"), [("1", True), (2, False), (3, False), (4, False)])
def test_a_one_api_token_that_did_not_work_does_not_work_here(status: object, enabled: bool) -> None:  # noqa: FBT001
    """Disabled, expired, exhausted."""
    assert taken(Source.ONE_API, key=TOKEN, status=status).enabled is enabled


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (Source.LITELLM, {"token": DIGEST.hex(), "team_id": "litellm-dashboard"}),
        (Source.UNKEY, {"hash": "", "deleted_at_m": "1735689600000"}),
        (Source.ONE_API, {"key": "", "deleted_at": "2026-01-01"}),
    ],
)
def test_what_is_no_key_in_use_is_passed_over(source: Source, row: dict[str, object]) -> None:
    """A deleted key must not come to life by moving house."""
    assert isinstance(read(source, row), Skipped)


@pytest.mark.parametrize(
    ("source", "row", "message"),
    [
        (Source.LITELLM, {"token": "abc"}, "'token' is not SHA-256"),
        (Source.LITELLM, {"token": DIGEST.hex(), "expires": "soon"}, "can't be read"),
        (Source.OPENROUTER, {"name": "x"}, "'hash' is not SHA-256"),
        (Source.UNKEY, {"hash": "!!"}, "'hash' is not SHA-256 in base64"),
        (Source.UNKEY, {"hash": {"value": "x", "variant": "bcrypt"}}, "another kind"),
        (Source.ONE_API, {"key": "short"}, "'key' is not a token"),
        (Source.ONE_API, {"key": "ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"}, "one of Keyturn's own"),
        (Source.ONE_API, {"key": TOKEN, "subnet": "nonsense"}, "address"),
    ],
)
def test_a_row_that_is_not_understood_is_refused_without_its_secret(
    source: Source, row: dict[str, object], message: str
) -> None:
    """The message goes to a terminal that somebody may share."""
    with pytest.raises(BadRowError, match=message) as caught:
        read(source, row)

    assert str(row.get("key", "\0")) not in str(caught.value)


@pytest.mark.parametrize("shape", [("sk-", 25), ("sk-or-v1-", 73), ("", 22), ("x_", 35)])
def test_shapes_of_other_systems_can_be_looked_up(shape: Shape) -> None:
    """An empty prefix too: some systems have none."""
    assert problem_with_shape(shape) is None


@pytest.mark.parametrize(
    "shape", [("sk-", 35), ("", 35), ("sk-a", 35), ("sk-", 5), ("a" * 30, 25), ("a b", 25)]
)
def test_a_shape_that_would_let_guesses_through_is_refused(shape: Shape) -> None:
    """A text that looks like ours and fails its checksum is never looked up."""
    assert problem_with_shape(shape) is not None
