"""Which operation a path of the data plane is, and which dialect it speaks."""

import msgspec

from keyturn.domain.permissions import Permission

PASS, ENGINE, GENERATE, MODELS, HEALTH, READY = range(6)
"""How a request of an operation is carried; plain integers, because the hot path compares them.

PASS: the body goes to the upstream as it is. ENGINE: likewise, and the path names the model. GENERATE: the native
prompt, carried by the chat dialect. MODELS: answered here. HEALTH and READY: answered here, without a key.
"""


class Operation(msgspec.Struct, frozen=True):
    """One thing a client can ask of the data plane.

    Attributes:
        name: What it is called in usage, metrics and traces.
        shape: How it is carried.
        methods: Those it takes.
        upstream_path: Appended to the upstream's base URL.
        native: Errors are rendered in Keyturn's envelope rather than the OpenAI dialect.
        needs: The permission it belongs to.
    """

    name: str
    methods: frozenset[bytes]
    shape: int
    upstream_path: str = ""
    native: bool = False
    needs: Permission = Permission.READ


_POST, _GET = frozenset({b"POST"}), frozenset({b"GET", b"HEAD"})

OPERATIONS: dict[bytes, Operation] = {
    b"/v1/chat/completions": Operation("chat", _POST, PASS, "/chat/completions"),
    b"/v1/completions": Operation("completions", _POST, PASS, "/completions"),
    b"/v1/responses": Operation("responses", _POST, PASS, "/responses"),
    b"/v1/embeddings": Operation("embeddings", _POST, PASS, "/embeddings"),
    b"/v1/generate": Operation("generate", _POST, GENERATE, "/chat/completions", native=True),
    b"/v1/models": Operation("models", _GET, MODELS),
    b"/healthz": Operation("health", _GET, HEALTH, native=True),
    b"/readyz": Operation("ready", _GET, READY, native=True),
}

ENGINE_OPERATION = Operation("completions", _POST, ENGINE, "/completions")
MODEL_OPERATION = Operation("models", _GET, MODELS)
UNKNOWN = Operation("unknown", frozenset(), PASS)

ENGINE_PREFIX, ENGINE_SUFFIX = b"/v1/engines/", b"/completions"
MODEL_PREFIX = b"/v1/models/"
DATA_PLANE = (b"/v1/", b"/v1beta/", b"/mj/", b"/suno/")
"""Paths that are answered by a worker, if only with 404; every other is the control process's."""


def find(path: bytes) -> tuple[Operation | None, bytes]:
    """Return the operation at a path that is not in ``OPERATIONS``, and the model it names (percent-encoded).

    ``None`` stands for the control plane, ``UNKNOWN`` for a path of the data plane that leads nowhere.
    """
    if path.startswith(ENGINE_PREFIX) and path.endswith(ENGINE_SUFFIX):
        model = path[len(ENGINE_PREFIX) : -len(ENGINE_SUFFIX)]
        return (ENGINE_OPERATION, model) if model else (UNKNOWN, b"")
    if path.startswith(MODEL_PREFIX) and len(path) > len(MODEL_PREFIX):
        return MODEL_OPERATION, path[len(MODEL_PREFIX) :]
    if path.startswith(DATA_PLANE) or path == b"/v1" or path == b"/auth":  # noqa: PLR1714 -- they are two things
        return UNKNOWN, b""
    return None, b""
