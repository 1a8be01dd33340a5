"""``GET /v1/models``, ``/v1beta/models`` and one of them: what the key may use, from the snapshot."""

from urllib.parse import parse_qsl

import msgspec

from keyturn import system
from keyturn.dialects import model_lists
from keyturn.dialects.errors import Dialect
from keyturn.dialects.model_lists import Listed
from keyturn.domain.models import Target
from keyturn.domain.restrictions import allows_name
from keyturn.gateway import answers
from keyturn.gateway.admission import Admission

_DIGITS = 4


class ModelsList(Admission):
    """One such request."""

    __slots__ = ()

    def admitted(self) -> None:
        """Answer."""
        self.note_use()
        body = self._one() if self.model else self._all()
        if body is None:
            return
        request = self.request
        headers = f"x-request-id: {self.request_id}\r\n".encode() + self.extra
        if self.location == "query":
            headers += answers.NO_STORE
        answer = answers.document(200, body, headers=headers, keep_alive=request.keep_alive)
        self.plane.counters.count(self.operation.name, 200, system.monotonic() - request.received)
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)

    def _one(self) -> bytes | None:
        """Return the model that is asked for; ``None`` after a refusal."""
        route = self.find_route()
        if route is None:
            return None
        target, dialect = route.target, self.operation.dialect
        if dialect is Dialect.GEMINI:
            return model_lists.gemini_model(self.model)
        if dialect is Dialect.ANTHROPIC:
            return model_lists.anthropic_model(Listed(self.model, target.created))
        return msgspec.json.encode(_entry(self.model, target))

    def _all(self) -> bytes:
        """Return what the key may use, a page of it where the dialect has pages."""
        routes, dialect = self.plane.routes, self.operation.dialect
        allowed = [name for name in sorted(routes) if allows_name(self.key.models, name)]
        if dialect is Dialect.OPENAI:
            entries = [_entry(name, routes[name].target) for name in allowed]
            return msgspec.json.encode({"object": "list", "data": entries})
        models = [Listed(name, routes[name].target.created) for name in allowed]
        wanted = dict(parse_qsl(self.query.decode("latin-1")))
        if dialect is Dialect.GEMINI:
            size = _size(wanted.get("pageSize", ""), model_lists.GEMINI_PAGE)
            return model_lists.gemini_page(models, size=size, token=wanted.get("pageToken", ""))
        return model_lists.anthropic_page(
            models,
            size=_size(wanted.get("limit", ""), model_lists.ANTHROPIC_PAGE),
            after=wanted.get("after_id", ""),
            before=wanted.get("before_id", ""),
        )


def _size(text: str, usual: int) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _DIGITS else usual


def _entry(name: str, target: Target) -> dict[str, object]:
    return {"id": name, "object": "model", "created": target.created, "owned_by": target.upstream}
