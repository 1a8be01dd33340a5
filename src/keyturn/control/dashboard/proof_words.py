"""What somebody is about to do who is asked to show that it is them: in the words of the route that asks for it."""

import re
from collections.abc import Iterable
from typing import cast
from urllib.parse import unquote, urlsplit

from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from keyturn.control.dashboard.guard import PROOF
from keyturn.control.dashboard.shell import PATH

_PARAMETER = re.compile(r"\{[^}]*\}")
_ANY = "[^/]+"


class ProofWords:
    """Finds them by the address that somebody came from."""

    def __init__(self, handlers: Iterable[ControllerRouterHandler]) -> None:
        """Take in the routes of the dashboard."""
        self._known = [
            (method, re.compile(_pattern(path)), cast(str, handler.opt[PROOF]))
            for handler in handlers
            if isinstance(handler, HTTPRouteHandler) and handler.opt.get(PROOF)
            for method in handler.http_methods
            for path in sorted(handler.paths)
        ]
        # An address that a route names as it is belongs to that route.
        self._known.sort(key=lambda one: one[1].pattern.count(_ANY))

    def of(self, method: str, address: str) -> str:
        """Return them; ``""``: it is not known what that would do.

        Args:
            method: Of the call that waits.
            address: Its path below the host, perhaps with a query.
        """
        path = unquote(urlsplit(address).path)
        return next(
            (words for known, pattern, words in self._known if known == method and pattern.fullmatch(path)),
            "",
        )


def _pattern(path: str) -> str:
    return re.escape(PATH) + _ANY.join(map(re.escape, _PARAMETER.split(path)))
