"""How many tokens a request has: asked of the provider where it counts, estimated here where it doesn't.

It counts as a request and costs nothing: providers read the prompt for it and charge nothing.
Sources: https://platform.claude.com/docs/en/build-with-claude/token-counting, https://ai.google.dev/api/tokens
"""

from keyturn import system
from keyturn.dialects import token_counts
from keyturn.dialects.calls import Call
from keyturn.dialects.errors import Dialect
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import NOTHING, Usage
from keyturn.gateway import answers
from keyturn.gateway.attempting import Attempting
from keyturn.gateway.meter import REPORTED


class CountExchange(Attempting):
    """One such question."""

    __slots__ = ()

    def prepare(self, members: Members, call: Call) -> bool:
        """Make the body that goes to the provider; ``False`` when the question is answered or refused."""
        way = self.route.way(self.operation, stream=False)
        if way is not None and way.passes:
            return super().prepare(members, call)
        self._estimate()
        return False

    def request_length(self) -> int:
        """Say that nothing is read that has a price."""
        return 0

    def _answer_usage(self, status: int, body: bytes) -> tuple[Usage, str]:
        del status, body
        return NOTHING, REPORTED

    def _stream_usage(self, *, whole: bool) -> tuple[Usage, str]:
        del whole
        return NOTHING, REPORTED

    def _estimate(self) -> None:
        request = self.request
        if self.operation.dialect is Dialect.ANTHROPIC:
            body = token_counts.of_messages(request.body)
        else:
            body = token_counts.of_contents(request.body, self.model)
        if isinstance(body, Refused):
            self.refuse(body, self.key.id)
            return
        self.note_use()
        headers = f"x-request-id: {self.request_id}\r\nx-keyturn-estimated: true\r\n".encode() + self.extra
        if self.location == "query":
            headers += answers.NO_STORE
        self.plane.counters.count(self.operation.name, 200, system.monotonic() - request.received)
        request.client.write(answers.document(200, body, headers=headers, keep_alive=request.keep_alive))
        request.client.finish(request.keep_alive)
