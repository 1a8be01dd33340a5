"""How the supervisor starts a process of the node and hears from it.

The child reads one line of JSON, a ``Brief``, from standard input and keeps the pipe: when it ends,
the supervisor is gone and the child drains. It says ``Ready`` as one line of JSON on the descriptor
that the brief names. SIGTERM drains and ends within ``server.drain_s``; SIGHUP (workers only) stops
accepting and ends when the last request in flight has, after an hour at most.
"""

import os

import msgspec

from keyturn.config.sections import Settings


class Brief(msgspec.Struct, frozen=True):
    """What a child is told."""

    settings: Settings
    process: str
    """What it calls itself in logs: ``control``, ``worker 1``, ``demo``."""
    ready_fd: int
    listen_fd: int = -1
    """The bound, listening TCP socket of a worker or the demo upstream."""
    demo_port: int = 0
    """Where the demo upstream listens on 127.0.0.1; 0 when there is none."""
    origins: dict[str, str] = {}
    """Where each setting came from, by its path; see ``config.load.Loaded``."""
    anonymous_allowed: bool = False
    """Control process only: nobody but this machine reaches the port, or everybody may call models without a key."""
    provider_keys: dict[str, str] = {}
    """Control process only: provider credentials found in the environment, ``openai`` → key."""


class Ready(msgspec.Struct, frozen=True):
    """What a child says when it can work."""

    process: str
    first_key: str = ""
    """Control process at the first start only: the secret of the key it made; shown once, kept nowhere."""
    setup_token: str = ""
    """Control process of a node without an owner: the secret part of the link that makes one; works for a day."""


def read_brief(line: bytes) -> Brief:
    """Read the supervisor's brief."""
    return msgspec.json.decode(line, type=Brief)


def say_ready(brief: Brief, ready: Ready) -> None:
    """Tell the supervisor, then close the descriptor."""
    os.write(brief.ready_fd, msgspec.json.encode(ready) + b"\n")
    os.close(brief.ready_fd)
