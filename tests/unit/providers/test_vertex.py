"""Vertex AI: models of several makers, and tokens for a key file."""

from base64 import urlsafe_b64decode
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fakes.service_account import key_file, private_key
from keyturn.providers import vertex
from keyturn.providers.provider import UNCHANGED, Codec
from keyturn.providers.vertex import VERTEX

NOON = 1_798_804_800
BASE = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"


@pytest.mark.parametrize(
    ("model", "operation", "codec", "path"),
    [
        (
            "gemini-2.5-pro",
            "chat",
            Codec.GEMINI,
            "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            "google/gemini-2.5-pro",
            "messages",
            Codec.GEMINI,
            "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            "gemini-embedding-001",
            "embed_content",
            Codec.GEMINI_EMBEDDINGS,
            "/publishers/google/models/gemini-embedding-001:embedContent",
        ),
        (
            "gemini-2.5-pro",
            "content_tokens",
            Codec.GEMINI_TOKENS,
            "/publishers/google/models/gemini-2.5-pro:countTokens",
        ),
        (
            "claude-sonnet-4-5@20250929",
            "chat",
            Codec.ANTHROPIC_MESSAGES,
            "/publishers/anthropic/models/claude-sonnet-4-5%4020250929:streamRawPredict",
        ),
        (
            "claude-sonnet-4-5",
            "count_tokens",
            Codec.ANTHROPIC_TOKENS,
            "/publishers/anthropic/models/count-tokens:rawPredict",
        ),
        ("meta/llama-4", "chat", Codec.OPENAI_CHAT, "/endpoints/openapi/chat/completions"),
    ],
)
def test_the_maker_of_a_model_tells_dialect_and_path(
    model: str, operation: str, codec: Codec, path: str
) -> None:
    """One project runs models of many makers."""
    assert VERTEX.codec(operation, model) == codec
    assert VERTEX.path(operation, model, stream=True) == path


def test_whole_answers_of_claude_have_a_method_of_their_own() -> None:
    """The one for streams answers in events."""
    assert VERTEX.path("chat", "claude-x").endswith(":rawPredict")


@pytest.mark.parametrize(
    ("operation", "model"),
    [
        ("count_tokens", "gemini-2.5-pro"),
        ("content_tokens", "claude-x"),
        ("embed_content", "meta/llama-4"),
        ("embeddings", "gemini-embedding-001"),
    ],
)
def test_what_a_maker_has_not_can_not_be_asked(operation: str, model: str) -> None:
    """Another maker's method would be a 404."""
    assert VERTEX.codec(operation, model) is None


def test_claudes_bodies_are_changed_and_no_others() -> None:
    """A model in the body is refused there, and a version is asked for."""
    version = (("anthropic_version", b'"vertex-2023-10-16"'),)

    whole, counting = VERTEX.change("messages", "claude-x"), VERTEX.change("count_tokens", "claude-x")

    assert (whole.drop, whole.add) == (frozenset({"model"}), version)
    assert (counting.drop, counting.add) == (frozenset(), version)
    assert VERTEX.change("chat", "gemini-2.5-pro") is UNCHANGED
    assert VERTEX.change("embeddings", "claude-x") is UNCHANGED


def test_a_token_is_shown_and_a_key_file_never() -> None:
    """It could be shown by mistake only: it has blanks and braces."""
    assert VERTEX.headers("ya29.token") == (("authorization", "Bearer ya29.token"),)
    assert VERTEX.headers('{"private_key": "x"}') == ()
    assert VERTEX.exchanges


@pytest.mark.parametrize(
    ("base_url", "good"),
    [
        (BASE, True),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/global", True),
        ("https://aiplatform.googleapis.com/v1beta1/projects/example.com:p/locations/global", True),
        ("https://aiplatform.googleapis.com/v1", False),
        ("https://aiplatform.googleapis.com/v1/projects/p", False),
    ],
)
def test_an_address_names_project_and_region(base_url: str, *, good: bool) -> None:
    """Paths begin behind them."""
    assert (VERTEX.problem_with_address(base_url) == "") is good


def test_only_models_that_write_are_listed() -> None:
    """Image models are asked in other ways."""
    body = (
        b'{"publisherModels":[{"name":"publishers/google/models/gemini-2.5-pro"},'
        b'{"name":"publishers/google/models/imagen-4"}]}'
    )

    assert VERTEX.models_url(BASE) == (
        "https://us-east5-aiplatform.googleapis.com/v1beta1/publishers/google/models?pageSize=300"
    )
    assert VERTEX.read_models(body) == ["gemini-2.5-pro"]
    assert VERTEX.read_models(b"{}") == []


def test_an_assertion_says_who_for_what_and_until_when_and_is_signed() -> None:
    """Google checks each of these."""
    account = vertex.read_account(key_file())

    form = parse_qs(vertex.assertion(account, NOON).decode())
    [text] = form["assertion"]
    header, claims, signature = text.split(".")
    private_key().public_key().verify(_bytes(signature), f"{header}.{claims}".encode(), PKCS1v15(), SHA256())

    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert msgspec.json.decode(_bytes(header)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert msgspec.json.decode(_bytes(claims)) == {
        "iss": "keyturn@p.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOON,
        "exp": NOON + 3600,
    }


def test_the_answer_holds_a_token_and_its_life() -> None:
    """Anything else is none."""
    token = vertex.read_token(b'{"access_token":"ya29","expires_in":3599,"token_type":"Bearer"}')

    assert (token.access_token, token.expires_in) == ("ya29", 3599)
    with pytest.raises(msgspec.DecodeError):
        vertex.read_token(b'{"error":"invalid_grant"}')


def _elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("credential", "word"),
    [
        ("AIza-a-plain-key", "JSON key file"),
        ('{"client_email":"x"}', "JSON key file"),
        ("\ud800", "JSON key file"),
        (key_file(private_key="no key"), "can't be read"),
        (key_file(private_key=_elliptic()), "no RSA key"),
        (key_file(token_uri="https://evil.example/token"), "no address of Google's"),
        (key_file(token_uri="http://oauth2.googleapis.com/token"), "no address of Google's"),
        (key_file(token_uri="https://oauth2.googleapis.com@evil.example/"), "no address of Google's"),
    ],
)
def test_what_is_no_key_file_is_a_problem(credential: str, word: str) -> None:
    """An assertion that is sent elsewhere gives somebody else a token."""
    problem = VERTEX.problem_with_credential(credential)

    assert word in problem
    assert "PRIVATE" not in problem


def test_a_key_file_is_no_problem() -> None:
    """As Google gives it, with members that nobody needs."""
    assert VERTEX.problem_with_credential(key_file()) == ""


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
