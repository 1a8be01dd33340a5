"""What can be asked of the data plane with a key, by path: for whoever has to know without being a worker.

Workers go by ``gateway.paths``, which is made for speed and says how each call is carried; a test compares the two.
"""

import msgspec

from keyturn.dialects.errors import Dialect, of_nowhere
from keyturn.domain.permissions import Permission


class Call(msgspec.Struct, frozen=True):
    """One thing a client can ask.

    Attributes:
        name: What it is called in usage and traces.
        methods: Those it takes.
        dialect: How errors are told.
        needs: The permission it belongs to.
        names_model: The request names a model, in its path or its body.
    """

    name: str
    methods: frozenset[str]
    dialect: Dialect = Dialect.OPENAI
    needs: Permission = Permission.READ
    names_model: bool = True


_POST, _GET = frozenset({"POST"}), frozenset({"GET", "HEAD"})

CALLS: dict[str, Call] = {
    "/v1/chat/completions": Call("chat", _POST),
    "/v1/completions": Call("completions", _POST),
    "/v1/responses": Call("responses", _POST),
    "/v1/embeddings": Call("embeddings", _POST),
    "/v1/moderations": Call("moderations", _POST),
    "/v1/images/generations": Call("images", _POST),
    "/v1/images/edits": Call("image_edits", _POST),
    "/v1/images/variations": Call("image_variations", _POST),
    "/v1/audio/speech": Call("speech", _POST),
    "/v1/audio/transcriptions": Call("transcriptions", _POST),
    "/v1/audio/translations": Call("translations", _POST),
    "/v1/realtime": Call("realtime", _GET),
    "/v1/generate": Call("generate", _POST, Dialect.ENVELOPE),
    "/v1/models": Call("models", _GET, names_model=False),
    "/v1/messages": Call("messages", _POST, Dialect.ANTHROPIC),
    "/v1/messages/count_tokens": Call("count_tokens", _POST, Dialect.ANTHROPIC),
    "/v1beta/models": Call("models", _GET, Dialect.GEMINI, names_model=False),
}
_GEMINI = {
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "embedContent": "embed_content",
    "batchEmbedContents": "batch_embed_contents",
    "countTokens": "content_tokens",
}
_NAMING_MODEL: tuple[tuple[str, str, Call], ...] = (
    ("/v1/engines/", "/completions", Call("completions", _POST)),
    *(
        (f"/{version}/models/", f":{method}", Call(name, _POST, Dialect.GEMINI))
        for version in ("v1", "v1beta")
        for method, name in _GEMINI.items()
    ),
    ("/v1/models/", "", Call("models", _GET)),
    ("/v1beta/models/", "", Call("models", _GET, Dialect.GEMINI)),
)
"""What stands before and behind the model."""


def find(path: str) -> tuple[Call | None, str]:
    """Return the call at a path, ``None`` where there is none, and the model that the path names, as it stands there."""
    call = CALLS.get(path)
    if call is not None:
        return call, ""
    for before, behind, naming in _NAMING_MODEL:
        if path.startswith(before) and path.endswith(behind):
            model = path[len(before) : len(path) - len(behind)]
            if model:
                return naming, model
    return None, ""


def spelled_as_in_lists(path: str) -> str:
    """Return the path by which lists of endpoints know a call: Gemini's have two, and go by ``/v1beta``.

    Otherwise who may only list models, by ``/v1/models*``, could call them.
    """
    method = path.rpartition(":")[2]
    return f"/v1beta{path[3:]}" if method in _GEMINI and path.startswith("/v1/models/") else path


def dialect_at(path: str) -> Dialect:
    """Return how errors are told at a path."""
    call, _ = find(path)
    return of_nowhere(path.encode(), anthropic=False) if call is None else call.dialect
