"""What the gateway reads of a request of Google's clients."""

import pytest

from keyturn.dialects import calls, json_scan
from keyturn.dialects.calls import Call
from keyturn.domain.refusals import Reason, Refused


def read(body: bytes) -> Call | Refused:
    """Read a body."""
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
    assert read(body) == Call("m", True, cap, answers)


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
    refused = read(body)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (reason, param)
