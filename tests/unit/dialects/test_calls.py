"""What the gateway reads of a request before it is sent on."""

import pytest

from keyturn.dialects import calls, json_scan
from keyturn.dialects.calls import Call
from keyturn.domain.refusals import Reason, Refused


def read(body: str, model: str = "", operation: str = "chat") -> Call | Refused:
    """Read a body."""
    found = json_scan.members(body.encode())
    assert not isinstance(found, Refused)
    return calls.read(found, operation, model)


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ('{"model":"m"}', Call("m", False, None)),
        ('{"model":"m\\u00e9","stream":true}', Call("mé", True, None)),
        ('{"model":"m","stream":false}', Call("m", False, None)),
        ('{"model":"m","stream":null}', Call("m", False, None)),
        ('{"model":"m","max_tokens":5}', Call("m", False, 5)),
        ('{"model":"m","max_tokens":0}', Call("m", False, 0)),
        ('{"model":"m","max_tokens":5,"max_completion_tokens":7}', Call("m", False, 7)),
        ('{"model":"m","max_tokens":7,"max_completion_tokens":5}', Call("m", False, 7)),
        ('{"model":"m","max_tokens":null}', Call("m", False, None)),
        ('{"model":"m","max_tokens":' + "9" * 40 + "}", Call("m", False, 10**9)),
    ],
)
def test_model_stream_and_cap_are_read(body: str, call: Call) -> None:
    """Everything else is between the client and the provider."""
    assert read(body) == call


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ("{}", "model", "You must provide a model parameter"),
        ('{"model":""}', "model", "You must provide a model parameter"),
        ('{"model":null}', "model", "'model' must be a string"),
        ('{"model":1}', "model", "'model' must be a string"),
        ('{"model":"m","stream":1}', "stream", "'stream' must be true or false"),
        ('{"model":"m","stream":"true"}', "stream", "'stream' must be true or false"),
        ('{"model":"m","max_tokens":"5"}', "max_tokens", "'max_tokens' must be an integer"),
        ('{"model":"m","max_tokens":1.5}', "max_tokens", "'max_tokens' must be an integer"),
        ('{"model":"m","max_tokens":true}', "max_tokens", "'max_tokens' must be an integer"),
        (
            '{"model":"m","max_completion_tokens":-1}',
            "max_completion_tokens",
            "'max_completion_tokens' must not be negative",
        ),
        (
            '{"model":"m","max_completion_tokens":' + "9" * 5000 + "}",
            "max_completion_tokens",
            "'max_completion_tokens' must be an integer",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_the_member_at_fault(body: str, param: str, message: str) -> None:
    """Whoever wrote the request finds the member by `param`."""
    assert read(body) == Refused(Reason.INVALID_MEMBER, message, param)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("chat", "max_tokens"),
        ("chat", "max_completion_tokens"),
        ("generate", "max_tokens"),
        ("completions", "max_tokens"),
        ("responses", "max_output_tokens"),
    ],
)
def test_only_what_the_provider_goes_by_caps_the_answer(operation: str, name: str) -> None:
    """With a member that it passes over, a small reservation would be bought for a long answer."""
    every = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    others = ",".join(
        f'"{one}":1' for one in every if one != name and (operation, one) != ("chat", "max_tokens")
    )

    capped = read(f'{{"model":"m","{name}":5,{others}}}', operation=operation)
    foreign = read('{"model":"m","max_output_tokens":1}', operation="chat")
    old = read('{"model":"m","max_tokens":1,"max_completion_tokens":1}', operation="responses")

    assert capped == Call("m", False, 5)
    assert foreign == old == Call("m", False, None)


@pytest.mark.parametrize("body", ["{}", '{"model":"davinci-codex"}'])
def test_a_path_may_name_the_model(body: str) -> None:
    """As the engines of old do."""
    assert read(body, "davinci-codex") == Call("davinci-codex", False, None)


def test_path_and_body_may_not_name_different_models() -> None:
    """We would charge one and the provider run the other."""
    message = "'model' must be 'davinci-codex', as in the path, or left out"

    assert read('{"model":"gpt-4o"}', "davinci-codex") == Refused(Reason.INVALID_MEMBER, message, "model")


# ── Gemini's ────────────────────────────────────────────────────────────────


def read_gemini(body: bytes) -> Call | Refused:
    """Read a body of Google's clients."""
    found = json_scan.members(body)
    assert not isinstance(found, Refused)
    return calls.read_gemini(found, "m", stream=True)


@pytest.mark.parametrize(
    ("body", "cap", "answers"),
    [
        (b"{}", None, 1),
        (b'{"generationConfig":{}}', None, 1),
        (b'{"generationConfig":{"maxOutputTokens":7,"candidateCount":3}}', 7, 3),
        (b'{"generation_config":{"max_output_tokens":7,"candidate_count":3}}', 7, 3),
        (
            b'{"generationConfig":{"maxOutputTokens":7,"max_output_tokens":9,"candidateCount":2,"candidate_count":3}}',
            9,
            3,
        ),
        (b'{"generationConfig":{"maxOutputTokens":"7"}}', 7, 1),
        (b'{"generationConfig":{"maxOutputTokens":99999999999}}', 10**9, 1),
    ],
)
def test_what_may_come_back_is_read_by_either_name(body: bytes, cap: int | None, answers: int) -> None:
    """Google takes both; a small reservation must not buy a long answer, nor one answer eight."""
    assert read_gemini(body) == Call("m", True, cap, answers)


@pytest.mark.parametrize(
    ("body", "reason", "param"),
    [
        (b'{"generationConfig":[]}', Reason.INVALID_MEMBER, "generationConfig"),
        (
            b'{"generationConfig":{"maxOutputTokens":-1}}',
            Reason.INVALID_MEMBER,
            "generationConfig.maxOutputTokens",
        ),
        (
            b'{"generationConfig":{"maxOutputTokens":1},"generation_config":{"maxOutputTokens":9}}',
            Reason.DUPLICATE_MEMBER,
            "generation_config",
        ),
    ],
)
def test_what_cannot_be_relied_on_is_refused(body: bytes, reason: Reason, param: str) -> None:
    """Which of two settings the provider goes by, it alone knows."""
    refused = read_gemini(body)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (reason, param)
