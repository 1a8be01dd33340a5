"""Structured logs."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from keyturn.config.sections import Log
from keyturn.telemetry.logs import configure, redact_event

KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    """Logging is set up once per process; the tests take turns."""
    yield
    structlog.reset_defaults()


def test_a_line_is_json_with_level_time_and_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read it."""
    configure(Log(format="json"), process="worker 1")

    structlog.get_logger().warning("upstream failed", upstream="demo", attempts=2)

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "upstream failed",
        "level": "warning",
        "process": "worker 1",
        "upstream": "demo",
        "attempts": 2,
    }


def test_no_line_holds_a_credential(capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a message, not in a value, not in the text of an exception."""
    configure(Log(format="json"), process="control")
    error = ValueError(f"no such key: {KEY}")

    structlog.get_logger().error(f"failed for {KEY}", url=f"/?api_key={KEY}", why=error, exc_info=error)

    written = capsys.readouterr().err
    assert KEY not in written
    assert "ValueError" in written


def test_a_line_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`log.level` is obeyed."""
    configure(Log(level="error", format="json"), process="control")

    structlog.get_logger().warning("hidden")
    structlog.get_logger().error("shown")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["shown"]


def test_a_console_gets_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Where JSON would only be in the way."""
    configure(Log(format="console"), process="control")

    structlog.get_logger().info("ready")

    written = capsys.readouterr().err
    assert "ready" in written
    assert not written.startswith("{")


def test_auto_is_json_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Under a service manager."""
    configure(Log(format="auto"), process="control")

    structlog.get_logger().info("ready")

    assert json.loads(capsys.readouterr().err)["event"] == "ready"


def test_numbers_and_nothing_stay_what_they_are() -> None:
    """A number in a log is computed with."""
    event = {"event": "x", "n": 1, "s": 0.5, "ok": True, "none": None, "list": [KEY]}

    found = redact_event(logging.getLogger(), "info", event)

    assert found == {"event": "x", "n": 1, "s": 0.5, "ok": True, "none": None, "list": "['[redacted]']"}
