"""Request bodies, read strictly: unknown members, wrong types and bad JSON are refused with their place."""

import re
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State

from keyturn.control.choices import explained
from keyturn.control.errors import refuse
from keyturn.domain.refusals import Reason

_AT = re.compile(r"(?s)(?P<what>.*?) - at `(?:\$|key) ?(?:in )?\$?\.?(?P<path>[^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_BYTE = re.compile(r"\(byte (?P<byte>\d+)\)")


class StrictRequest(Request[Any, Any, State]):
    """Decodes a body straight into the handler's type, once, and never guesses: ``"5"`` is not a number."""

    async def json(self) -> Any:  # noqa: ANN401 -- as the framework declares it
        """Return the body as the type that the handler's ``data`` has.

        Raises:
            RefusedError: It is not.
        """
        body = await self.body()
        wanted = self.route_handler.parsed_data_field
        return read(body, Any if wanted is None else wanted.annotation)


def read(body: bytes, wanted: Any) -> Any:  # noqa: ANN401 -- a type, and a value of it
    """Decode JSON as ``wanted``.

    Raises:
        RefusedError: ``INVALID_JSON`` with the position, or ``INVALID_MEMBER`` with the member's path.
    """
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        _refuse_member(body, wanted, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _BYTE.search(str(error))
        where = f"at byte {found['byte']}" if found else f"at byte {len(body)}, where it ends"
        refuse(Reason.INVALID_JSON, f"The request body is not valid JSON {where}")


def _refuse_member(body: bytes, wanted: Any, problem: str) -> None:  # noqa: ANN401 -- a type
    """Say which member is at fault. The decoder tells it in its message only."""
    located = _AT.fullmatch(problem)
    what, path = (located["what"], located["path"]) if located else (problem, "")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is not None:
        prefix = f"{path}." if path else ""
        names = _unknown_names(body, wanted) if not path else []
        shown = ", ".join(repr(name) for name in names or [unknown["name"]])
        refuse(
            Reason.INVALID_MEMBER,
            f"The request has unknown members: {shown}",
            prefix + (names or [unknown["name"]])[0],
        )
    refuse(Reason.INVALID_MEMBER, explained(what, wanted, path), path or None)


def _unknown_names(body: bytes, wanted: Any) -> list[str]:  # noqa: ANN401 -- a type
    known = {field.encode_name for field in msgspec.structs.fields(wanted)}
    try:
        sent = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return []  # broken further on: the first name must do
    return [name for name in sent if name not in known]
