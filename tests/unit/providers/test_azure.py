"""Azure's two generations."""

import msgspec
import pytest

from keyturn.providers.azure import AZURE, AZURE_DEPLOYMENTS
from keyturn.providers.provider import Codec


def test_a_resource_of_today_is_asked_as_openai_is() -> None:
    """The deployment's name stands in the body, as the model."""
    assert AZURE.codec("chat", "my-gpt") == Codec.OPENAI_CHAT
    assert AZURE.codec("responses", "my-gpt") == Codec.OPENAI_RESPONSES
    assert AZURE.path("messages", "my-gpt", stream=True) == "/chat/completions"
    assert AZURE.codec("moderations") is None


def test_an_older_one_has_deployment_and_date_in_its_path() -> None:
    """A slash in a deployment's name must not lead elsewhere."""
    assert AZURE_DEPLOYMENTS.path("chat", "a/b") == (
        "/deployments/a%2Fb/chat/completions?api-version=2024-10-21"
    )
    assert AZURE_DEPLOYMENTS.codec("responses", "m") == Codec.OPENAI_CHAT


def test_the_key_stands_in_a_header_of_its_own() -> None:
    """As a bearer token it is refused."""
    assert AZURE.headers("k") == AZURE_DEPLOYMENTS.headers("k", "embeddings") == (("api-key", "k"),)
    assert AZURE.headers("") == ()


@pytest.mark.parametrize(
    ("base_url", "modern", "older"),
    [
        ("https://r.openai.azure.com/openai/v1", True, False),
        ("https://r.services.ai.azure.com/openai/v1", True, False),
        ("https://r.openai.azure.com/openai", False, True),
        ("https://r.openai.azure.com", False, False),
        ("https://proxy.example/anything", True, True),
    ],
)
def test_the_path_of_an_address_tells_the_generation(base_url: str, *, modern: bool, older: bool) -> None:
    """The portal shows the address without one, and a wrong one is a 404 without a reason."""
    assert (AZURE.problem_with_address(base_url) == "") is modern
    assert (AZURE_DEPLOYMENTS.problem_with_address(base_url) == "") is older


def test_what_could_be_deployed_is_no_list_of_models() -> None:
    """It only shows that the key is taken."""
    body = b'{"data":[{"id":"gpt-4o"}]}'

    assert AZURE.read_models(body) == []
    assert not AZURE.lists_models
    assert AZURE.models_url("https://h/openai/v1") == "https://h/openai/v1/models"
    assert AZURE_DEPLOYMENTS.models_url("https://h/openai").endswith("/models?api-version=2024-10-21")
    with pytest.raises(msgspec.DecodeError):
        AZURE.read_models(b"<html>")
