"""Requests that nobody makes."""

from zoneinfo import ZoneInfo

import pytest

from keyturn.control.dashboard.pages.key_simulate import FIELDS, read_question
from keyturn.domain.refusals import Refused
from keyturn.services.simulate import Question


@pytest.mark.parametrize(("field", "text"), [("ip", "nowhere"), ("path", "/api/v1/keys"), ("at", "soon")])
def test_a_request_that_nobody_could_make_names_the_field(field: str, text: str) -> None:
    """As the API does."""
    blank = dict.fromkeys(FIELDS, "")

    refused = read_question({**blank, field: text}, ZoneInfo("UTC"))

    assert isinstance(refused, Refused)
    assert refused.param == field
    usual = read_question({**blank, "location": "odd"}, ZoneInfo("UTC"))
    assert isinstance(usual, Question)
    assert (usual.path, usual.place) == ("/v1/chat/completions", "header")
