"""Structured logs on stderr: one event a line, credentials redacted."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from keyturn.config.sections import Log
from keyturn.telemetry.redact import redact


def configure(settings: Log, *, process: str) -> None:
    """Set up logging for this process.

    Args:
        settings: Level and format.
        process: What every line says it comes from: ``supervisor``, ``control``, ``worker 1``, ``demo``.
    """
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _with_process(process),
            redact_event,
            renderer,
            *([_on_a_line_of_its_own] if sys.stderr.isatty() else []),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _with_process(process: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
        event["process"] = process
        return event

    return add


def _on_a_line_of_its_own(_logger: Any, _method: str, line: Any) -> str:  # noqa: ANN401 -- as structlog declares it
    """Wipe what stands on the terminal's line: while a node starts, another process turns a spinner there."""
    return f"\r\x1b[K{line}"


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
    """Redact every value of a log event."""
    for name, value in event.items():
        if not isinstance(value, int | float | bool | None):
            event[name] = redact(value if isinstance(value, str) else str(value))
    return event
