"""``GET /v1/models`` and ``/v1/models/{id}``: what the key may use, from the snapshot."""

import msgspec

from keyturn import system
from keyturn.domain.models import Target
from keyturn.domain.restrictions import allows_name
from keyturn.gateway import answers
from keyturn.gateway.admission import Admission


class ModelsList(Admission):
    """One such request."""

    __slots__ = ()

    def admitted(self) -> None:
        """Answer."""
        self.note_use()
        routes = self.plane.routes
        if self.model:
            if self.find_route() is None:
                return
            body = msgspec.json.encode(_entry(self.model, routes[self.model].target))
        else:
            allowed = [name for name in sorted(routes) if allows_name(self.key.models, name)]
            entries = [_entry(name, routes[name].target) for name in allowed]
            body = msgspec.json.encode({"object": "list", "data": entries})
        request = self.request
        headers = f"x-request-id: {self.request_id}\r\n".encode() + self.extra
        if self.location == "query":
            headers += answers.NO_STORE
        answer = answers.document(200, body, headers=headers, keep_alive=request.keep_alive)
        self.plane.counters.count(self.operation.name, 200, system.monotonic() - request.received)
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)


def _entry(name: str, target: Target) -> dict[str, object]:
    return {"id": name, "object": "model", "created": target.created, "owned_by": target.upstream}
