"""The story of one request."""

from typing import Any

import msgspec

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

ID = "req_00000000000000000001"
PATH = f"/api/v1/requests/{ID}"
CHECKS = ["credential found", "well formed", "known"]
SERVED: dict[str, Any] = {
    "request_id": ID,
    "source": "journal",
    "checks": [{"name": name, "passed": True} for name in CHECKS],
    "status": 200,
    "reason": "",
    "outcome": "ok",
    "started_at": "2026-01-01T00:00:00Z",
    "operation": "chat",
    "location": "authorization",
    "address": "127.0.0.1",
    "key_id": "key_1",
    "key_name": "my-app",
    "model": "fast",
    "upstream": "openai",
    "upstream_model": "gpt-4o-mini",
    "streamed": True,
    "auth_us": 50,
    "sent_us": 150,
    "first_byte_us": 400_150,
    "total_us": 2_000_150,
    "input_tokens": 1000,
    "output_tokens": 20,
    "cached_tokens": 900,
    "reasoning_tokens": 5,
    "cost_usd": "0.0125",
    "priced": True,
    "price_id": "openai/gpt-4o-mini#0a1b2c3d",
    "usage_source": "reported",
}


def test_a_served_request_is_told_from_key_to_cost(keyturn: Run, node: ManagementApi) -> None:
    """Everything that support asks for, on one screen."""
    node.data("GET", PATH, SERVED)

    ran = keyturn("explain", ID)

    for part in (
        *(f"✓ {name}" for name in CHECKS),
        *(
            "200 ok",
            "my-app (key_1)",
            "openai: gpt-4o-mini, streamed",
            "1,000 in, 20 out",
            "900 of the input cached",
        ),
        *("openai/gpt-4o-mini#0a1b2c3d", "5 of the output reasoning", "$0.0125", "as the upstream reported"),
        *("key check 50 µs", "to upstream 100 µs", "first byte 400.0 ms", "answer 1.60 s", "2.00 s"),
    ):
        assert part in ran.out, part


def test_what_is_not_tokens_is_told_beside_them(keyturn: Run, node: ManagementApi) -> None:
    """Images, recordings and spoken text have their own prices."""
    node.data("GET", PATH, SERVED | {"images": 1_200, "audio_ms": 8_470, "characters": 0})

    ran = keyturn("explain", ID)

    assert "1,200 images, 8.5 s of audio" in ran.out
    assert "spoken" not in ran.out


BODIES = {
    "request_id": ID,
    "request": {"content": '{"model":"fast"}\n\x1b[2J', "encoding": "utf-8", "cut": True},
    "answer": {"content": "H4sI", "encoding": "base64", "cut": False},
}


def test_bodies_are_shown_on_request_only(keyturn: Run, node: ManagementApi) -> None:
    """Each look is noted; and what somebody else wrote must not move the cursor."""
    node.data("GET", PATH, SERVED)
    node.data("GET", f"{PATH}/bodies", BODIES)

    without = keyturn("explain", ID)
    shown = keyturn("explain", ID, "--bodies")
    printed = keyturn("explain", ID, "--bodies", "--json")

    assert "body" not in without.out
    for part in ("request body (cut off)", '{"model":"fast"}', "answer body (in base64)", "H4sI"):
        assert part in shown.out, part
    assert "\x1b[2J" not in shown.out
    found = msgspec.json.decode(printed.out)
    assert (found["request_id"], found["bodies"]) == (ID, BODIES)


def test_a_refused_request_shows_the_check_that_failed(keyturn: Run, node: ManagementApi) -> None:
    """The first refusal wins; what came after was never looked at."""
    checks = [
        {"name": name, "passed": passed} for name, passed in zip(CHECKS, (True, False, None), strict=True)
    ]
    refused = {
        "request_id": ID,
        "source": "memory",
        "status": 401,
        "reason": "malformed_api_key",
        "checks": checks,
        "outcome": "malformed_api_key",
        "operation": "chat",
        "path": "/v1/chat/completions",
    }
    node.data("GET", PATH, refused)

    ran = keyturn("explain", ID)

    for part in ("✓ credential found", "✗ well formed", "\N{EN DASH} known", "401 malformed api key"):
        assert part in ran.out
    assert "cost" not in ran.out
    assert "█" not in ran.out


def test_a_request_without_a_price_does_not_look_free(keyturn: Run, node: ManagementApi) -> None:
    """Zero would be a figure; this is the lack of one."""
    node.data("GET", PATH, {**SERVED, "priced": False, "cost_usd": "0"})

    assert "the model has no price" in keyturn("explain", ID).out


def test_a_request_that_never_went_upstream_has_no_such_phase(keyturn: Run, node: ManagementApi) -> None:
    """Zeros stand for what did not happen."""
    failed = {
        **SERVED,
        "sent_us": 0,
        "first_byte_us": 0,
        "total_us": 5_050,
        "status": 502,
        "outcome": "upstream_unreachable",
    }
    node.data("GET", PATH, failed)

    ran = keyturn("explain", ID)

    assert "502 upstream unreachable" in ran.out
    assert "answer 5.0 ms" in ran.out
    assert "first byte" not in ran.out


def test_a_recovered_request_says_why_its_usage_is_a_guess(keyturn: Run, node: ManagementApi) -> None:
    """It is charged as reserved, and whoever pays may know."""
    recovered = {**SERVED, "status": 0, "outcome": "recovered", "total_us": 0, "usage_source": "recovered"}
    node.data("GET", PATH, recovered)

    ran = keyturn("explain", ID)

    assert "its reservation stands in" in ran.out


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("GET", PATH, SERVED)

    assert msgspec.json.decode(keyturn("explain", ID, "--json").out) == SERVED
