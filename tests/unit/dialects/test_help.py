"""Whom to ask, and where to get more."""

import json

import pytest

from keyturn.dialects import errors
from keyturn.dialects.errors import Dialect
from keyturn.dialects.help import UPGRADABLE, Help
from keyturn.domain.refusals import Reason, Refused

URL = "https://example.com/plans"


@pytest.mark.parametrize("reason", Reason)
def test_the_way_to_more_is_named_where_more_helps(reason: Reason) -> None:
    """A larger plan mends a limit; it does not mend a typing error."""
    refused, offer = Refused(reason), Help(upgrade_url=URL)

    _, _, body = errors.render(Dialect.ENVELOPE, refused, "req_1", support=offer)
    _, _, problem = errors.render(Dialect.ENVELOPE, refused, "req_1", problem=True, support=offer)

    expected = URL if reason in UPGRADABLE else None
    assert json.loads(body)["error"]["details"].get("upgrade_url") == expected
    assert json.loads(problem).get("upgrade_url") == expected


def test_published_bodies_are_left_alone() -> None:
    """OpenAI's error has four members."""
    refused = Refused(Reason.QUOTA_EXCEEDED)

    _, _, with_it = errors.render(Dialect.OPENAI, refused, "req_1", support=Help("me", URL))
    _, _, without = errors.render(Dialect.OPENAI, refused, "req_1")

    assert with_it == without
