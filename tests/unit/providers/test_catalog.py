"""What holds for every provider of the catalogue."""

import re
from urllib.parse import urlsplit

import pytest

from keyturn.providers import provider
from keyturn.providers.catalog import PROVIDERS, at
from keyturn.providers.provider import CHATS, NATIVE, TRANSLATED, Provider
from keyturn.schemes.headers import KEY_HEADERS

EACH = pytest.mark.parametrize("one", PROVIDERS.values(), ids=lambda one: one.id)
MODEL = "vendor/model:1 a?b#c"
CREDENTIAL = "credential-of-the-operator"


@EACH
def test_a_row_is_complete(one: Provider) -> None:
    """The page and the command line show it as it is."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", one.id)
    assert one.title
    assert urlsplit(one.source).scheme == "https"
    assert bool(one.base_url) != bool(one.address)
    assert not (one.base_url or one.address).endswith("/")
    assert one.note == one.note.strip()
    assert urlsplit(one.base_url or one.address).scheme == ("http" if one.base_url and one.local else "https")


@EACH
def test_every_chat_is_said_in_a_dialect_that_can_be_translated(one: Provider) -> None:
    """A client of any dialect reaches any provider."""
    codecs = {one.codec(operation, "m") for operation in CHATS}

    assert None not in codecs
    assert codecs <= TRANSLATED


@EACH
def test_what_can_be_asked_has_a_path_below_the_base_url(one: Provider) -> None:
    """A name of a model that a client chooses must not lead elsewhere, nor end the request's first line."""
    for operation in NATIVE:
        if one.codec(operation, MODEL) is None:
            continue
        for stream in (False, True):
            path = one.path(operation, MODEL, stream=stream)
            assert path.startswith("/"), operation
            assert path.isascii()
            assert path.isprintable()
            assert not set(path) & {" ", "#"}
            assert path.count("?") <= 1


@EACH
def test_the_clients_credentials_are_not_forwarded(one: Provider) -> None:
    """They are for Keyturn; the provider gets the operator's."""
    refused = {b"authorization", b"cookie", b"host", b"content-length", b"accept-encoding", *KEY_HEADERS}

    assert one.forwarded >= provider.FORWARDED
    assert not one.forwarded & refused
    assert one.withheld >= provider.WITHHELD
    assert all(name == name.lower() for name in one.forwarded | one.withheld)


@EACH
def test_the_credential_is_shown_once_and_only_if_there_is_one(one: Provider) -> None:
    """Twice the same header is an error with most servers, an empty one a refusal."""
    for operation in NATIVE:
        if one.codec(operation, "m") is None:
            continue
        shown = one.headers(CREDENTIAL, operation)
        assert one.headers("", operation) == ()
        if not one.signs:
            assert [name for name, value in shown if CREDENTIAL in value] == [shown[0][0]]
            assert one.signature(provider.ToSign(url="https://h/v1/chat", at=0), CREDENTIAL) == ()


@EACH
def test_an_address_leads_back_to_its_provider(one: Provider) -> None:
    """Who connects by the base URL alone gets the quirks that belong to it."""
    found = at(one.base_url or "https://proxy.example/v1")

    assert found.id == ("compatible" if one.local or not one.base_url else one.id)


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        ("https://mine.openai.azure.com/openai/v1", "azure"),
        ("https://mine.openai.azure.com/openai", "azure-deployments"),
        ("https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4", "vertex"),
        ("https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1", "cloudflare"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "compatible"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "compatible"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com.evil.example", "compatible"),
    ],
)
def test_an_address_that_each_operator_has_of_their_own_is_known_by_its_form(
    base_url: str, provider: str
) -> None:
    """Taken for somebody compatible, a secret that signs would be sent as it is."""
    assert at(base_url).id == provider


def test_what_is_no_address_belongs_to_nobody() -> None:
    """It is refused where it is checked, not here."""
    assert at("http://[::1/v1").id == at("").id == "compatible"


def test_no_two_rows_share_a_variable() -> None:
    """One credential in the environment makes one upstream at the first start."""
    names = [name for one in PROVIDERS.values() for name in one.variables]

    assert len(names) == len(set(names))


def test_the_hosts_that_people_ask_for_are_there() -> None:
    """The list of the feature table."""
    wanted = (
        "openai anthropic gemini mistral groq deepseek xai together fireworks openrouter perplexity cohere moonshot"
        " zai qwen minimax nvidia ollama vllm llamacpp lmstudio localai cerebras sambanova huggingface"
    )

    assert set(wanted.split()) <= set(PROVIDERS)
