"""Runs a supervisor with the children that its arguments name and says on stdout what it is told.

``python node_program.py`` reads one JSON object from stdin: ``{"settings": {…}, "habits": {role: habit}}``.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from keyturn.config.load import SettingsError
from keyturn.config.sections import Log, Settings, Vault
from keyturn.domain.secret import Secret
from keyturn.node.progress import Started
from keyturn.node.supervisor import StartFailed, Supervisor
from keyturn.telemetry import logs

CHILD = Path(__file__).with_name("child_program.py")


class Order(msgspec.Struct):
    """What to run."""

    settings: Settings
    habits: dict[str, str]


def tell(event: str, **more: object) -> None:
    """Say what happens in one write."""
    os.write(1, msgspec.json.encode({"event": event, "pid": os.getpid(), **more}) + b"\n")


class Told:
    """Passes on what the supervisor says."""

    def starting(self, processes: list[str]) -> None:
        """Pass it on."""
        tell("starting", processes=processes)

    def ready(self, process: str, seconds: float) -> None:
        """Pass it on."""
        tell("ready", process=process, seconds=seconds)

    def started(self, node: Started) -> None:
        """Pass it on."""
        key = node.first_key.reveal() if node.first_key else ""
        tell("started", port=node.port, first_key=key)

    def stopping(self) -> None:
        """Pass it on."""
        tell("stopping")


def main() -> None:
    """Run until told to stop."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    logs.configure(Log(format="json"), process="supervisor")

    def reread() -> tuple[Settings, dict[str, str]]:
        if Path(order.settings.data, "bad-settings").exists():
            raise SettingsError("keyturn.toml:1: server.port: expected int")
        return msgspec.structs.replace(order.settings, log=Log(level="debug")), {}

    def command(role: str) -> tuple[str, ...]:
        habit = order.habits.get(role, "")
        return ("/no/such/program",) if habit == "missing" else (sys.executable, str(CHILD), role, habit)

    supervisor = Supervisor(
        msgspec.structs.replace(order.settings, vault=Vault(pepper="pepper")),
        Told(),
        demo=True,
        provider_keys={"openai": Secret("sk-provider")},
        commands={role: command(role) for role in ("control", "demo", "worker")},
        reread=reread,
    )
    try:
        asyncio.run(supervisor.run())
    except StartFailed as error:
        tell("failed", reason=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
