"""What people are told about each way to say no: its entry in ``errors.toml`` beside its rule and its renderings."""

import tomllib
from pathlib import Path

import msgspec

from keyturn.dialects import anthropic_errors, envelope, gemini_errors, openai_errors
from keyturn.dialects.errors import STATUSES, Dialect
from keyturn.domain.refusals import RULES, Actor, Reason, Refused, Rule

FILE = Path(__file__).parent / "errors.toml"

ACTORS = {
    Actor.CLIENT: "whoever sent the request",
    Actor.OPERATOR: "whoever runs the gateway",
    Actor.UPSTREAM: "the provider; the gateway's operator if it lasts",
    Actor.GATEWAY: "whoever runs the gateway, with the log at hand",
}


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it happens and what helps; backticks mark code."""

    cause: str
    remedy: str


class Entry(msgspec.Struct, frozen=True):
    """One reason, as pages show it; texts have backticks around code."""

    reason: Reason
    rule: Rule
    advice: Advice
    actor: str
    retry: str
    """Ends the sentence that begins with "Trying again"."""
    renderings: tuple[str, ...]
    """What each dialect calls it, one sentence per dialect."""


def entries() -> list[Entry]:
    """Return all reasons, in their own order.

    Raises:
        ValueError: The file has nothing about a reason, or something about none.
    """
    advice = msgspec.convert(tomllib.loads(FILE.read_text("utf-8")), dict[Reason, Advice])
    missing = sorted(set(Reason) - set(advice))
    if missing:
        raise ValueError(f"{FILE.name} says nothing about {', '.join(missing)}")
    return [_entry(reason, advice[reason]) for reason in Reason]


def _entry(reason: Reason, advice: Advice) -> Entry:
    rule = RULES[reason]
    return Entry(reason, rule, advice, ACTORS[rule.actor], _retry(rule), _renderings(reason))


def _retry(rule: Rule) -> str:
    if rule.should_retry is False:
        return "does not help; the answer says `x-should-retry: false`"
    if rule.retry_after_s is not None:
        return f"helps; the answer says `retry-after: {rule.retry_after_s}` or when else"
    return "may help"


def _renderings(reason: Reason) -> tuple[str, ...]:
    kind, code = openai_errors.KINDS[reason]
    shown = msgspec.json.decode(openai_errors.render(Refused(reason)))["error"]["message"]
    differs = f", `message` “{shown}”" if shown != RULES[reason].message else ""
    status, info = gemini_errors.KINDS[reason]
    return (
        f"OpenAI: `type` `{kind}`, `code` `{code}`{differs}.",
        f"Anthropic: {_status(Dialect.ANTHROPIC, reason)}`type` `{anthropic_errors.TYPES[reason]}`.",
        f"Gemini: `status` `{status}`, `reason` `{info}`.",
        f"Envelope: {_status(Dialect.ENVELOPE, reason)}`code` `{envelope.CODES[reason]}`.",
    )


def _status(dialect: Dialect, reason: Reason) -> str:
    status = STATUSES[dialect].get(reason)
    return "" if status is None else f"{status}, "
