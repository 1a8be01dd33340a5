"""Heads seen before: an application sends the same request head again and again but for the body's length.

Parsing is a function of bytes, so what llhttp and our own checks have once made of a head holds for every request
with the same bytes. The memo is keyed by the whole head without the digits of Content-Length, which are read anew,
and answers only for a request that came whole in one read. Nothing that can change is remembered: the key's digest,
not what it may do; the forwarded headers, not where they go. Only requests of a known key are taken in, so that
nobody else can push them out. docs/decisions/0005-head-memo.md has
what it saves.
"""

from keyturn.gateway.request import Plan, Request

UNPLANNED = frozenset({b"expect", b"upgrade", b"transfer-encoding"})
"""Headers that ask the edge for more than parsing."""
HEADS_KEPT = 4_096
LONGEST_HEAD = 8_192
_LENGTH_NAMES = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_NAME_LENGTH = len(_LENGTH_NAMES[0])
_MOST_DIGITS = 9


class HeadMemo:
    """A bounded table of heads."""

    def __init__(self, max_body_bytes: int) -> None:
        """Take in the largest body the edge takes: the only check that depends on the length."""
        self._max_body_bytes = max_body_bytes
        self._plans: dict[bytes, Plan] = {}

    def recall(self, data: bytes) -> Request | None:
        """Return the request that ``data`` is, if its head is known and nothing is missing and nothing follows."""
        end = data.find(b"\r\n\r\n")
        start = data.find(_LENGTH_NAMES[0], 0, end)
        if start < 0:
            start = data.find(_LENGTH_NAMES[1], 0, end)
            if start < 0:
                return None
        first = start + _NAME_LENGTH
        last = data.find(b"\r", first)
        plan = self._plans.get(data[:first] + data[last:end])
        if plan is None:
            return None
        digits = data[first:last]
        if not digits.isdigit() or len(digits) > _MOST_DIGITS:
            return None
        length = int(digits)
        if len(data) != end + 4 + length or length > self._max_body_bytes:
            return None
        request = Request()
        request.method, request.path, request.query = plan.method, plan.path, b""
        request.headers = plan.headers
        request.repeated = None
        request.keep_alive, request.http_10 = True, False
        request.plan = plan
        request.body = data[end + 4 :]
        return request

    def learn(self, data: bytes, plan: Plan) -> None:
        """Remember the head that llhttp made ``plan`` of, if ``data`` is one whole request and nothing else."""
        end = data.find(b"\r\n\r\n")
        if (
            end > LONGEST_HEAD
            or not UNPLANNED.isdisjoint(plan.headers)
            or b"content-length" not in plan.headers
        ):
            return
        for name in _LENGTH_NAMES:
            start = data.find(name, 0, end)
            if start >= 0:
                first = start + _NAME_LENGTH
                last = data.find(b"\r", first)
                digits = data[first:last]
                if digits == plan.headers[b"content-length"] and len(data) == end + 4 + int(digits):
                    if len(self._plans) >= HEADS_KEPT:
                        del self._plans[next(iter(self._plans))]
                    self._plans[data[:first] + data[last:end]] = plan
                return
