"""Keys as commands find and show them."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Key, KeySecret
from keyturn.cli.connection import Node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.limit_options import words
from keyturn.system import now

PATH = "/api/v1/keys"
USUAL_OVERLAP_HOURS = 168
COLUMNS = ("name", "key", "status", "requests", "cost", "last used", "created", "expires", "id")


def path_of(node: Node, key: str) -> str:
    """Return where the API has a key. A name with a slash can't stand in a path: then its id does.

    Raises:
        CommandFailed: No key has the name, or several have.
    """
    if "/" in key or key in {".", ".."}:
        found = [one.id for one in node.all(PATH, Key, search=key)[0] if one.name == key]
        if len(found) > 1:
            raise CommandFailed(f"{len(found)} keys have this name; use the id: {', '.join(found)}")
        if found:
            return f"{PATH}/{found[0]}"
        raise CommandFailed("there is no such key")
    return f"{PATH}/{segment(key)}"


def listed(keys: Sequence[Key]) -> Table:
    """Lay out keys, one a line."""
    at = now()
    rows = [
        (
            _marked(key),
            screen.clean(key.display),
            screen.dot(key.status),
            f"{key.usage.requests:,}",
            screen.dollars(key.usage.cost_usd),
            screen.ago(key.usage.last_used_at, at),
            screen.ago(key.created_at, at),
            screen.ago(key.expires_at, at),
            Text(key.id, style="bright_black"),
        )
        for key in keys
    ]
    return screen.table(
        COLUMNS, rows, right=("requests", "cost"), spare=("created", "cost", "id", "requests", "expires")
    )


def facts(key: Key) -> Table:
    """Lay out everything that may be shown of a key."""
    at = now()
    rows: list[tuple[str, RenderableType]] = [
        ("id", key.id),
        ("name", screen.clean(key.name)),
        ("description", screen.clean(key.description or screen.NOTHING)),
        ("status", screen.dot(key.status)),
        ("kind", screen.clean(key.kind)),
        ("preset", screen.clean(key.preset or screen.NOTHING)),
        ("permissions", screen.clean(", ".join(key.permissions) or screen.NOTHING)),
        *_owners(key),
        *_restrictions(key),
        *(("limit", screen.clean(words(limit, at))) for limit in key.limits),
        ("created", _when(key.created_at, at, key.created_by)),
        ("expires", _when(key.expires_at, at)),
        *_life(key, at),
        ("requests", f"{key.usage.requests:,}"),
        ("tokens", f"{key.usage.input_tokens:,} in, {key.usage.output_tokens:,} out"),
        ("cost", screen.dollars(key.usage.cost_usd)),
        ("last used", _when(key.usage.last_used_at, at, key.usage.last_ip, joint="from")),
        *(("secret", _secret(one, at)) for one in key.secrets),
        *(("note", Text(note, style="yellow")) for note in _notes(key)),
    ]
    return screen.facts(rows)


def _marked(key: Key) -> Text:
    """Return the name, with what must not be overlooked."""
    marks = [word for word, holds in (("decoy", key.decoy), ("quarantined", key.quarantined_at)) if holds]
    return Text.assemble(screen.clean(key.name), *((f" {mark}", "magenta") for mark in marks))


def _owners(key: Key) -> list[tuple[str, RenderableType]]:
    given = (
        ("project", key.project_id),
        ("account", key.account_id),
        ("user", key.user_id),
        ("environment", key.environment),
        ("tags", ", ".join(key.tags)),
        ("metadata", ", ".join(f"{name}={value}" for name, value in key.metadata.items())),
    )
    return [(name, screen.clean(text)) for name, text in given if text]


def _restrictions(key: Key) -> list[tuple[str, RenderableType]]:
    given = (
        ("models", key.models),
        ("endpoints", key.endpoints),
        ("addresses", key.ip),
        ("origins", key.origins),
        ("presented in", key.locations),
    )
    return [(name, screen.clean(", ".join(texts))) for name, texts in given if texts]


def _life(key: Key, at: float) -> list[tuple[str, RenderableType]]:
    found: list[tuple[str, RenderableType]] = []
    rotation = key.rotation
    if key.not_before is not None:
        found.append(("not before", _when(key.not_before, at)))
    if rotation.every_days is not None:
        words = f"every {rotation.every_days} days, next {screen.ago(rotation.next_at, at)}"
        found.append(("rotates", screen.clean(words)))
    if rotation.every_days is not None or rotation.overlap_hours != USUAL_OVERLAP_HOURS:
        found.append(("overlap", screen.hours(rotation.overlap_hours)))
    ways = [
        *(["by its holder"] if rotation.self_rotation else []),
        *([f"into {rotation.sink}"] if rotation.sink else []),
        *(["sealed"] if rotation.sealing_key else []),
    ]
    if ways:
        found.append(("new secrets", screen.clean(", ".join(ways))))
    if key.deleted_at is not None:
        found.append(("deleted", _when(key.deleted_at, at)))
    return found


def _secret(secret: KeySecret, at: float) -> Text:
    words = [secret.display, secret.state]
    if secret.state == "retiring":
        words.append(f"until {secret.expires_at} ({screen.ago(secret.expires_at, at)})")
    if secret.last_used_at is not None:
        where = f" from {secret.last_ip}" if secret.last_ip else ""
        words.append(f"used {screen.ago(secret.last_used_at, at)}{where}")
    return screen.clean(" ".join(words))


def _notes(key: Key) -> list[str]:
    notes = (
        (key.decoy, "It is a decoy: nobody should use it, and whoever does raises an alarm."),
        (key.recoverable, "Its secret is kept, sealed; `keyturn keys reveal` shows it again."),
        (key.delete_protected, "It is protected from deletion."),
        (
            key.quarantined_at,
            "Somebody else seems to have it, so it is refused; `keyturn alerts list` says why, enabling it ends that.",
        ),
        (key.usage.seen_in_url, "It was sent in a URL, where logs keep it: replace it."),
    )
    return [note for holds, note in notes if holds]


def _when(moment: str | None, at: float, other: str | None = None, *, joint: str = "by") -> Text:
    if moment is None:
        return Text("never")
    relative = screen.ago(moment, at)
    words = moment if relative in moment else f"{moment} ({relative})"
    return screen.clean(f"{words} {joint} {other}" if other else words)
