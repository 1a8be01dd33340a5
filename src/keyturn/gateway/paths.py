"""Which operation a path of the data plane is, and which dialect it speaks."""

from collections.abc import Mapping

import msgspec

from keyturn.dialects import calls, errors
from keyturn.dialects.calls import Call
from keyturn.dialects.errors import Dialect
from keyturn.dialects.json_scan import Members
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Refused

PASS, ENGINE, FORM, GENERATE, COUNT, REALTIME, MODELS, HEALTH, READY, AUTH = range(10)
"""How a request of an operation is carried; plain integers, because the hot path compares them.

PASS: the body is JSON and names the model. ENGINE: likewise, and the path names the model. FORM: the body is a form
with files, and one of its fields names the model. GENERATE: the native prompt, carried by the chat dialect. COUNT: how
many tokens a request has, asked of the provider or estimated here. REALTIME: a WebSocket. MODELS: answered here. HEALTH
and READY: answered here, without a key. AUTH: says to a proxy whether a request to somebody else's API may pass.
"""


class Operation(msgspec.Struct, frozen=True):
    """One thing a client can ask of the data plane.

    Attributes:
        name: What it is called in usage, metrics and traces, and in ``providers.provider.NATIVE``.
        shape: How it is carried.
        methods: Those it takes.
        dialect: How errors are told.
        needs: The permission it belongs to.
        writes: Whether it makes output tokens.
        streams: The path says that the answer is to come in pieces.
        default_model: What is meant where nobody names a model; empty: one must be named.
    """

    name: str
    methods: frozenset[bytes]
    shape: int
    dialect: Dialect = Dialect.OPENAI
    needs: Permission = Permission.READ
    writes: bool = True
    streams: bool = False
    default_model: str = ""

    def read_call(self, members: Members, model: str) -> Call | Refused:
        """Read what the gateway acts on.

        Args:
            members: The body's.
            model: The model named by the path, where the path names one.
        """
        if self.dialect is Dialect.GEMINI:
            return calls.read_gemini(members, model, stream=self.streams)
        return calls.read(members, self.name, model if "model" in members else model or self.default_model)


_POST, _GET = frozenset({b"POST"}), frozenset({b"GET", b"HEAD"})
_ANY = _POST | _GET | frozenset({b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_GEMINI = Dialect.GEMINI
MODELS_OPERATION = Operation("models", _GET, MODELS)
"""The list of models, and one of them."""

OPERATIONS: dict[bytes, Operation] = {
    b"/v1/chat/completions": Operation("chat", _POST, PASS),
    b"/v1/completions": Operation("completions", _POST, PASS),
    b"/v1/responses": Operation("responses", _POST, PASS),
    b"/v1/embeddings": Operation("embeddings", _POST, PASS, writes=False),
    b"/v1/moderations": Operation(
        "moderations", _POST, PASS, writes=False, default_model="omni-moderation-latest"
    ),
    b"/v1/images/generations": Operation("images", _POST, PASS),
    b"/v1/images/edits": Operation("image_edits", _POST, FORM),
    b"/v1/images/variations": Operation("image_variations", _POST, FORM),
    b"/v1/audio/speech": Operation("speech", _POST, PASS, writes=False),
    b"/v1/audio/transcriptions": Operation("transcriptions", _POST, FORM),
    b"/v1/audio/translations": Operation("translations", _POST, FORM),
    b"/v1/realtime": Operation("realtime", _GET, REALTIME),
    b"/v1/generate": Operation("generate", _POST, GENERATE, Dialect.ENVELOPE),
    b"/v1/models": MODELS_OPERATION,
    b"/v1/messages": Operation("messages", _POST, PASS, Dialect.ANTHROPIC),
    b"/v1/messages/count_tokens": Operation("count_tokens", _POST, COUNT, Dialect.ANTHROPIC, writes=False),
    b"/v1beta/models": Operation("models", _GET, MODELS, _GEMINI),
    b"/auth": Operation("auth", _ANY, AUTH, dialect=Dialect.ENVELOPE),
    b"/healthz": Operation("health", _GET, HEALTH, dialect=Dialect.ENVELOPE),
    b"/readyz": Operation("ready", _GET, READY, dialect=Dialect.ENVELOPE),
}

WEBSOCKETS = frozenset(path for path, one in OPERATIONS.items() if one.shape == REALTIME)
"""Paths at which the offer of a WebSocket is taken up."""
ENGINE_OPERATION = Operation("completions", _POST, ENGINE)
GEMINI_MODEL_OPERATION = Operation("models", _GET, MODELS, _GEMINI)
GEMINI_METHODS = {
    b"generateContent": Operation("generate_content", _POST, ENGINE, _GEMINI),
    b"streamGenerateContent": Operation("generate_content", _POST, ENGINE, _GEMINI, streams=True),
    b"embedContent": Operation("embed_content", _POST, ENGINE, _GEMINI, writes=False),
    b"batchEmbedContents": Operation("batch_embed_contents", _POST, ENGINE, _GEMINI, writes=False),
    b"countTokens": Operation("content_tokens", _POST, COUNT, _GEMINI, writes=False),
}
"""By what stands behind the colon."""
ANTHROPIC_MODELS = Operation("models", _GET, MODELS, Dialect.ANTHROPIC)
"""The list of models as Anthropic's clients read it: they send a header ``anthropic-version``."""
_MODELS_BY_HEADER = ((b"anthropic-version", ANTHROPIC_MODELS), (b"x-goog-api-client", GEMINI_MODEL_OPERATION))
"""Headers that only the clients of others than OpenAI send."""
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
        return _of_model(path[len(MODEL_PREFIX) :])
    if path.startswith(GEMINI_PREFIX) and len(path) > len(GEMINI_PREFIX):
        return _of_gemini(path)
    if path.startswith(AUTH_PREFIX):
        return OPERATIONS[b"/auth"], b""
    if path.startswith(DATA_PLANE) or path == b"/v1":
        return nowhere(path), b""
    return None, b""


def _of_model(named: bytes) -> tuple[Operation, bytes]:
    """Tell Gemini's calls below ``/v1``, where its stable version is, from the question about a model."""
    model, _, method = named.rpartition(b":")
    operation = GEMINI_METHODS.get(method)
    return (operation, model) if operation is not None and model else (MODELS_OPERATION, named)


def models_for(headers: Mapping[bytes, bytes]) -> Operation:
    """Return the list of models, or one of them, as the client reads it that sent these headers."""
    return next((one for name, one in _MODELS_BY_HEADER if name in headers), MODELS_OPERATION)


def _of_gemini(path: bytes) -> tuple[Operation | None, bytes]:
    model, colon, method = path[len(GEMINI_PREFIX) :].rpartition(b":")
    if not colon:
        return GEMINI_MODEL_OPERATION, method
    operation = GEMINI_METHODS.get(method)
    return (operation, model) if operation is not None and model else (nowhere(path), b"")


def nowhere(path: bytes, *, anthropic: bool = False) -> Operation:
    """Return what a path is that leads nowhere; ``anthropic``: the client sent a header ``anthropic-version``."""
    return UNKNOWN[errors.of_nowhere(path, anthropic=anthropic)]
