"""How the value of a setting is read, wherever it comes from."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from keyturn.config import rules
from keyturn.config.reference import Entry


def read(raw: object, entry: Entry, *, is_text: bool = False) -> object:
    """Return a value as ``config.sections`` has it.

    Args:
        raw: As it was written.
        entry: Of the setting.
        is_text: From a place that knows text only, so that numbers have to be read from it.

    Raises:
        ValueError: The setting can't have it; the message says what it can.
    """
    if is_text and isinstance(raw, str) and isinstance(entry.default, frozenset | tuple):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if entry.path == "auth.locations":
        raw = rules.locations(raw)
    try:
        converted = msgspec.convert(raw, entry.type, strict=not is_text)
    except msgspec.ValidationError as error:
        raise ValueError(_reason(error, raw, entry, is_text=is_text)) from None
    form = rules.FORMS.get(entry.path)
    return converted if form is None else form(converted)


def _reason(error: msgspec.ValidationError, raw: object, entry: Entry, *, is_text: bool) -> str:
    choices = [*_choices(entry.type)]
    if choices:
        return f"expected {'any' if isinstance(entry.default, frozenset) else 'one'} of {', '.join(choices)}"
    reason = str(error).replace("Expected", "expected").replace("`", "")
    return reason.replace("got str", f"got {raw!r}") if is_text and not entry.secret else reason


def _choices(annotation: Any) -> Iterator[str]:  # noqa: ANN401 -- any annotation
    """Name the words that a ``Literal`` inside of ``annotation`` allows."""
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _choices(part)
