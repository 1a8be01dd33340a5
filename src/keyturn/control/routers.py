"""Routers that belong to one application."""

from typing import Self

from litestar import Router


class OnlyRouter(Router):
    """A router that is made for one application and registered there, once.

    The framework copies a router to the depth when it registers it, in case others register it too: with some 500 handlers that
    takes a third of a second of a start.
    """

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself."""
        return self
