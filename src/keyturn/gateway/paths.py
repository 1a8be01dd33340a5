"""Which operation a path of the data plane is, and which dialect it speaks."""

import msgspec

from keyturn.dialects import errors
from keyturn.dialects.errors import Dialect
from keyturn.domain.permissions import Permission

PASS, ENGINE, GENERATE, MODELS, HEALTH, READY, UNSERVED, AUTH = range(8)
"""How a request of an operation is carried; plain integers, because the hot path compares them.

PASS: the body goes to the upstream as it is. ENGINE: likewise, and the path names the model. GENERATE: the native
prompt, carried by the chat dialect. MODELS: answered here. HEALTH and READY: answered here, without a key. UNSERVED:
known, so that the key is checked and the error is told in its clients' dialect, and no model answers there. AUTH: says
to a proxy whether a request to somebody else's API may pass.
"""


class Operation(msgspec.Struct, frozen=True):
    """One thing a client can ask of the data plane.

    Attributes:
        name: What it is called in usage, metrics and traces.
        shape: How it is carried.
        methods: Those it takes.
        upstream_path: Appended to the upstream's base URL.
        dialect: How errors are told.
        needs: The permission it belongs to.
        writes: Whether it makes output tokens.
    """

    name: str
    methods: frozenset[bytes]
    shape: int
    upstream_path: str = ""
    dialect: Dialect = Dialect.OPENAI
    needs: Permission = Permission.READ
    writes: bool = True

    @property
    def native(self) -> bool:
        """Say whether it is of Keyturn's own making."""
        return self.dialect is Dialect.ENVELOPE


_POST, _GET = frozenset({b"POST"}), frozenset({b"GET", b"HEAD"})
_ANY = _POST | _GET | frozenset({b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

OPERATIONS: dict[bytes, Operation] = {
    b"/v1/chat/completions": Operation("chat", _POST, PASS, "/chat/completions"),
    b"/v1/completions": Operation("completions", _POST, PASS, "/completions"),
    b"/v1/responses": Operation("responses", _POST, PASS, "/responses"),
    b"/v1/embeddings": Operation("embeddings", _POST, PASS, "/embeddings", writes=False),
    b"/v1/generate": Operation("generate", _POST, GENERATE, "/chat/completions", Dialect.ENVELOPE),
    b"/v1/models": Operation("models", _GET, MODELS),
    b"/v1/messages": Operation("messages", _POST, UNSERVED, dialect=Dialect.ANTHROPIC),
    b"/v1/messages/count_tokens": Operation("count_tokens", _POST, UNSERVED, dialect=Dialect.ANTHROPIC),
    b"/v1beta/models": Operation("models", _GET, UNSERVED, dialect=Dialect.GEMINI),
    b"/auth": Operation("auth", _ANY, AUTH, dialect=Dialect.ENVELOPE),
    b"/healthz": Operation("health", _GET, HEALTH, dialect=Dialect.ENVELOPE),
    b"/readyz": Operation("ready", _GET, READY, dialect=Dialect.ENVELOPE),
}

ENGINE_OPERATION = Operation("completions", _POST, ENGINE, "/completions")
MODEL_OPERATION = Operation("models", _GET, MODELS)
GEMINI_OPERATION = Operation("gemini", _POST | _GET, UNSERVED, dialect=Dialect.GEMINI)
UNKNOWN = {dialect: Operation("unknown", frozenset(), PASS, dialect=dialect) for dialect in Dialect}
"""What a path is that leads nowhere, by the dialect in which that is said."""

ENGINE_PREFIX, ENGINE_SUFFIX = b"/v1/engines/", b"/completions"
AUTH_PREFIX = b"/auth/"
"""What stands before the path of the request in question, where a proxy can't tell it in a header (Envoy)."""
MODEL_PREFIX, GEMINI_PREFIX = b"/v1/models/", b"/v1beta/models/"
DATA_PLANE = (b"/v1/", b"/v1beta/", b"/mj/", b"/suno/")
"""Paths that are answered by a worker, if only with 404; every other is the control process's."""


def find(path: bytes) -> tuple[Operation | None, bytes]:
    """Return the operation at a path that is not in ``OPERATIONS``, and the model it names (percent-encoded).

    ``None`` stands for the control plane, one of ``UNKNOWN`` for a path of the data plane that leads nowhere.
    """
    if path.startswith(ENGINE_PREFIX) and path.endswith(ENGINE_SUFFIX):
        model = path[len(ENGINE_PREFIX) : -len(ENGINE_SUFFIX)]
        return (ENGINE_OPERATION, model) if model else (nowhere(path), b"")
    if path.startswith(MODEL_PREFIX) and len(path) > len(MODEL_PREFIX):
        return MODEL_OPERATION, path[len(MODEL_PREFIX) :]
    if path.startswith(GEMINI_PREFIX) and len(path) > len(GEMINI_PREFIX):
        return GEMINI_OPERATION, path[len(GEMINI_PREFIX) :].partition(b":")[0]
    if path.startswith(AUTH_PREFIX):
        return OPERATIONS[b"/auth"], b""
    if path.startswith(DATA_PLANE) or path == b"/v1":
        return nowhere(path), b""
    return None, b""


def nowhere(path: bytes, *, anthropic: bool = False) -> Operation:
    """Return what a path is that leads nowhere; ``anthropic``: the client sent a header ``anthropic-version``."""
    return UNKNOWN[errors.of_nowhere(path, anthropic=anthropic)]
