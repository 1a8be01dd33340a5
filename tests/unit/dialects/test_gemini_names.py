"""Names of models inside Gemini's requests."""

import json

import pytest

from keyturn.dialects import gemini_names, json_scan
from keyturn.domain.refusals import Reason, Refused

CONTENT = {"parts": [{"text": "hello"}]}


def rename(body: object, model: str = "alias", target: str = "gemini-x") -> bytes | Refused:
    """Rename in a body."""
    raw = json.dumps(body).encode()
    found = json_scan.members(raw)
    assert not isinstance(found, Refused)
    return gemini_names.rename(raw, found, model, target)


@pytest.mark.parametrize("target", ["gemini-x", "models/gemini-x"])
def test_every_request_of_a_batch_names_the_providers_model(target: str) -> None:
    """Google refuses a request inside that names another model than the path, or none."""
    asked = [{"model": "models/alias", "content": CONTENT}, {"model": "alias"}, {"content": CONTENT}]

    said = rename({"requests": asked, "other": 1}, target=target)

    assert isinstance(said, bytes)
    named = {"model": "models/gemini-x"}
    requests = [named | {"content": CONTENT}, named, named | {"content": CONTENT}]
    assert json.loads(said) == {"requests": requests, "other": 1}


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_a_question_that_is_counted_names_the_providers_model(name: str) -> None:
    """It is a whole request, the model and all."""
    said = rename({name: {"model": "models/alias", "contents": []}})

    assert isinstance(said, bytes)
    assert json.loads(said) == {name: {"model": "models/gemini-x", "contents": []}}


def test_a_body_without_requests_inside_is_left_alone() -> None:
    """White space and all."""
    assert rename({"contents": [CONTENT]}) == json.dumps({"contents": [CONTENT]}).encode()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": [{"model": "models/alias"}, {"model": "models/other"}]}, "requests[1].model"),
        ({"requests": [{"model": 1}]}, "requests[0].model"),
        ({"requests": {}}, "requests"),
        ({"requests": [1]}, "requests[0]"),
        ({"generateContentRequest": {"model": "models/other"}}, "generateContentRequest.model"),
        ({"generateContentRequest": []}, "generateContentRequest"),
    ],
)
def test_a_request_inside_that_means_another_model_is_refused(body: object, param: str) -> None:
    """The key may not be allowed it."""
    said = rename(body)

    assert isinstance(said, Refused)
    assert (said.reason, said.param) == (Reason.INVALID_MEMBER, param)


def test_a_request_inside_names_its_model_once() -> None:
    """Of two the gateway would check one and the provider go by the other."""
    raw = b'{"requests":[{"model":"models/alias","model":"models/other"}]}'
    found = json_scan.members(raw)
    assert not isinstance(found, Refused)

    said = gemini_names.rename(raw, found, "alias", "gemini-x")

    assert isinstance(said, Refused)
    assert (said.reason, said.param) == (Reason.DUPLICATE_MEMBER, "requests[0].model")
