"""Text that does not print itself."""

from typing import NoReturn

REDACTED = "[redacted]"


class Secret:
    """A secret string that shows as ``[redacted]`` wherever it is printed or logged.

    The text comes out by ``reveal()`` only, so that every place that uses it can be found.
    It refuses to be pickled, and msgspec refuses to encode it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")
