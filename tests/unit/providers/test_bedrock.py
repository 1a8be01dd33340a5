"""Amazon's own ways."""

import pytest

from keyturn.providers.bedrock import BEDROCK, region_of
from keyturn.providers.provider import Codec, ToSign

RUNTIME = "https://bedrock-runtime.eu-central-1.amazonaws.com"
SIGNING = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_every_chat_is_a_conversation_and_nothing_else_is_asked() -> None:
    """The model stands in the path, an ARN of a profile as one segment."""
    arn = "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.x"

    assert BEDROCK.codec("messages", "m") == Codec.BEDROCK_CONVERSE
    assert BEDROCK.codec("embeddings", "m") is None
    assert BEDROCK.path("chat", "amazon.nova-lite-v1:0") == "/model/amazon.nova-lite-v1%3A0/converse"
    assert BEDROCK.path("chat", arn, stream=True) == (
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.x/converse-stream"
    )


def test_a_key_that_signs_is_never_shown() -> None:
    """Its identifier is; its secret would let anybody sign."""
    request = ToSign(url=f"{RUNTIME}/model/m/converse", body=b"{}", at=0)

    signed = dict(BEDROCK.signature(request, SIGNING))

    assert BEDROCK.headers(SIGNING) == ()
    assert "wJalr" not in repr(signed)
    assert "AKIAIOSFODNN7EXAMPLE/19700101/eu-central-1/bedrock/aws4_request" in signed["authorization"]
    assert dict(BEDROCK.signature(request, f"{SIGNING}:{'t' * 20}"))["x-amz-security-token"] == "t" * 20


def test_a_key_of_bedrocks_own_is_a_bearer_token() -> None:
    """It needs no signature."""
    shown = (("authorization", "Bearer ABSKkey="),)

    assert BEDROCK.headers("ABSKkey=") == shown
    assert BEDROCK.signature(ToSign(url=RUNTIME, at=0), "ABSKkey=") == shown
    assert BEDROCK.signature(ToSign(url=RUNTIME, at=0), "") == ()


@pytest.mark.parametrize(
    ("credential", "good"),
    [
        (SIGNING, True),
        (f"{SIGNING}:{'t' * 20}", True),
        ("ABSKkey=", True),
        ("AKIAIOSFODNN7EXAMPLE:short", False),
        ("akia:secret", False),
        ("two words", False),
        ("", False),
    ],
)
def test_a_credential_has_one_of_two_shapes(credential: str, *, good: bool) -> None:
    """Half of a pair would be sent as it is."""
    assert (BEDROCK.problem_with_credential(credential) == "") is good


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        (RUNTIME, "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://bedrock.us-east-1.amazonaws.com", "us-east-1"),
        ("https://bedrock-runtime.amazonaws.com", ""),
        ("https://proxy.example", ""),
    ],
)
def test_the_region_is_read_from_the_host(base_url: str, region: str) -> None:
    """What is signed for another region is refused."""
    assert region_of(base_url) == region
    assert (BEDROCK.problem_with_address(base_url) == "") is bool(region)
    assert BEDROCK.problem_with_address(f"{base_url}/path")


def test_another_host_lists_the_models() -> None:
    """Those that can be called by their own name and write text."""
    body = (
        b'{"modelSummaries":[{"modelId":"amazon.nova-lite-v1:0","outputModalities":["TEXT"]},'
        b'{"modelId":"amazon.titan-embed","outputModalities":["EMBEDDING"]},{"modelId":"odd"}]}'
    )

    assert BEDROCK.models_url(RUNTIME) == (
        "https://bedrock.eu-central-1.amazonaws.com/foundation-models?byInferenceType=ON_DEMAND"
    )
    assert BEDROCK.models_url("https://bedrock-runtime-fips.us-east-1.amazonaws.com").startswith(
        "https://bedrock-fips.us-east-1.amazonaws.com/"
    )
    assert BEDROCK.models_url("https://proxy.example") == ""
    assert BEDROCK.read_models(body) == ["amazon.nova-lite-v1:0"]
