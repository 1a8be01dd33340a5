"""Which operation a path is."""

import pytest

from keyturn.dialects.errors import Dialect
from keyturn.domain.permissions import Permission
from keyturn.gateway import paths
from keyturn.gateway.paths import OPERATIONS, Operation, find

UNKNOWN = paths.UNKNOWN[Dialect.OPENAI]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v1/chat/completions", "chat"),
        (b"/v1/completions", "completions"),
        (b"/v1/responses", "responses"),
        (b"/v1/embeddings", "embeddings"),
        (b"/v1/generate", "generate"),
        (b"/v1/messages", "messages"),
    ],
)
def test_a_call_of_a_model_is_a_post_that_needs_read(path: bytes, name: str) -> None:
    """Generating content is reading; a permission belongs to the operation."""
    operation = OPERATIONS[path]

    assert operation.name == name
    assert operation.methods == {b"POST"}
    assert operation.needs is Permission.READ


def test_only_what_is_keyturns_own_speaks_the_envelope() -> None:
    """OpenAI's paths answer as OpenAI does."""
    native = {path for path, operation in OPERATIONS.items() if operation.dialect is Dialect.ENVELOPE}

    assert native == {b"/v1/generate", b"/auth", b"/healthz", b"/readyz"}


@pytest.mark.parametrize(
    ("path", "anthropic", "dialect"),
    [
        (b"/v1/nothing", False, Dialect.OPENAI),
        (b"/v1/nothing", True, Dialect.ANTHROPIC),
        (b"/v1/messages/batches", False, Dialect.ANTHROPIC),
        (b"/v1beta/nothing", False, Dialect.GEMINI),
        (b"/mj/nothing", False, Dialect.ENVELOPE),
    ],
)
def test_a_path_that_leads_nowhere_is_told_as_its_clients_expect(
    path: bytes, *, anthropic: bool, dialect: Dialect
) -> None:
    """Only Anthropic's clients send ``anthropic-version``."""
    assert paths.nowhere(path, anthropic=anthropic).dialect is dialect


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/engines/davinci-codex/completions", (paths.ENGINE_OPERATION, b"davinci-codex")),
        (b"/v1/engines/a%2Fb/completions", (paths.ENGINE_OPERATION, b"a%2Fb")),
        (b"/v1/engines/a/b/completions", (paths.ENGINE_OPERATION, b"a/b")),
        (b"/v1/engines//completions", (UNKNOWN, b"")),
        (b"/v1/engines/completions", (UNKNOWN, b"")),
        (b"/v1/models/gpt-4o", (paths.MODELS_OPERATION, b"gpt-4o")),
        (b"/v1/models/org/model", (paths.MODELS_OPERATION, b"org/model")),
        (b"/v1/models/", (UNKNOWN, b"")),
        (b"/v1", (UNKNOWN, b"")),
        (b"/v1/", (UNKNOWN, b"")),
        (b"/v1/nothing", (UNKNOWN, b"")),
        (b"/v1/messages/batches", (paths.UNKNOWN[Dialect.ANTHROPIC], b"")),
        (
            b"/v1beta/models/gemini-pro:generateContent",
            (paths.GEMINI_METHODS[b"generateContent"], b"gemini-pro"),
        ),
        (
            b"/v1/models/gemini-pro:generateContent",
            (paths.GEMINI_METHODS[b"generateContent"], b"gemini-pro"),
        ),
        (b"/v1/models/a/b:embedContent", (paths.GEMINI_METHODS[b"embedContent"], b"a/b")),
        (b"/v1/models/:embedContent", (paths.MODELS_OPERATION, b":embedContent")),
        (b"/v1/models/ft:gpt-4o:org::id", (paths.MODELS_OPERATION, b"ft:gpt-4o:org::id")),
        (b"/v1beta/models/a:b:countTokens", (paths.GEMINI_METHODS[b"countTokens"], b"a:b")),
        (b"/v1beta/models/gemini-pro:unheardOf", (paths.UNKNOWN[Dialect.GEMINI], b"")),
        (b"/v1beta/models/:generateContent", (paths.UNKNOWN[Dialect.GEMINI], b"")),
        (b"/v1beta/models/", (paths.UNKNOWN[Dialect.GEMINI], b"")),
        (b"/v1beta/nothing", (paths.UNKNOWN[Dialect.GEMINI], b"")),
        (b"/v1/tasks", (paths.UNKNOWN[Dialect.ENVELOPE], b"")),
        (b"/mj/submit", (paths.UNKNOWN[Dialect.ENVELOPE], b"")),
        (b"/suno/submit", (paths.UNKNOWN[Dialect.ENVELOPE], b"")),
        (b"/auth/any/path", (OPERATIONS[b"/auth"], b"")),
        (b"/", (None, b"")),
        (b"", (None, b"")),
        (b"*", (None, b"")),
        (b"/v10/x", (None, b"")),
        (b"/authx", (None, b"")),
        (b"/api/v1/keys", (None, b"")),
        (b"/docs", (None, b"")),
    ],
)
def test_a_path_leads_to_a_model_to_nowhere_or_to_the_control_process(
    path: bytes, expected: tuple[Operation | None, bytes]
) -> None:
    """Nothing below /v1 ever reaches management, and nothing of management a provider."""
    assert find(path) == expected


@pytest.mark.parametrize(
    ("header", "dialect"),
    [
        (b"anthropic-version", Dialect.ANTHROPIC),
        (b"x-goog-api-client", Dialect.GEMINI),
        (b"authorization", Dialect.OPENAI),
    ],
)
def test_models_are_listed_as_the_client_reads_lists(header: bytes, dialect: Dialect) -> None:
    """Three SDKs ask at the same path."""
    assert paths.models_for({header: b"x"}).dialect is dialect
