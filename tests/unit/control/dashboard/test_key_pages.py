"""What the pages of keys say, without the pages."""

from zoneinfo import ZoneInfo

import pytest

from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.key_figures import gauges
from keyturn.control.dashboard.pages.key_hygiene import tidy_share
from keyturn.control.dashboard.pages.key_secrets import link_life, read_wish
from keyturn.control.dashboard.pages.key_simulate import FIELDS, read_question
from keyturn.control.dashboard.pages.keys import A_PAGE, chosen_in, said_of_many
from keyturn.domain.hygiene import Finding
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.domain.refusals import Refused
from keyturn.domain.rotation import Delivery
from keyturn.services.limits import Held, Stand
from keyturn.services.rotation import Wish
from keyturn.services.simulate import Question

KEY_ID = "key_VbXhUyUBKUlzDND0IYtt"


def test_what_was_chosen_comes_from_the_form_or_from_what_undoes_it() -> None:
    """Only identifiers, each once, no more than a page has."""
    form = Form({"act": ["disable"], "id": [KEY_ID, KEY_ID, "odd"]})
    many = " ".join(f"key_VbXhUyUBKUlzDND0I{number:03d}" for number in range(A_PAGE + 5))

    assert chosen_in(form, {}) == ("disable", [KEY_ID])
    assert chosen_in(Form(), {"act": ["enable"], "id": [KEY_ID]}) == ("enable", [KEY_ID])
    assert len(chosen_in(Form(), {"id": [many]})[1]) == A_PAGE


@pytest.mark.parametrize(
    ("names", "refusals", "said"),
    [
        (["a"], [], "Revoked: a"),
        (["a", "b", "c", "d", "e"], [], "Revoked: a, b, c and 2 more"),
        ([], ["no", "no"], "2 keys were not revoked: no"),
        (["a"], ["no"], "Revoked: a. 1 key was not revoked: no"),
    ],
)
def test_what_was_done_with_many_keys_is_said_in_a_line(
    names: list[str], refusals: list[str], said: str
) -> None:
    """Also what was not."""
    assert said_of_many("revoke", names, refusals) == said


def test_keys_without_findings_are_tidy_and_those_with_all_are_not() -> None:
    """0 to 100, weighed as the report is sorted."""
    worst = {one: 2 for one in Finding if one is not Finding.NEVER_USED}

    assert tidy_share(0, {}) == 100
    assert tidy_share(2, {}) == 100
    assert tidy_share(2, worst) == 0
    assert tidy_share(2, {Finding.NO_EXPIRY: 2}) > tidy_share(2, {Finding.SEEN_IN_URL: 1})


def test_a_rotation_is_read_from_its_form() -> None:
    """An empty overlap is the key's own; a link has one of few lives."""
    typed = {"overlap_hours": "", "revoke_old": "on", "delivery": "link", "link_s": "3600"}

    assert read_wish(typed) == Wish(revoke_old=True, delivery=Delivery.CLAIM, ttl_s=3600)
    assert link_life("31") == 300
    for hours in ("x", "99999"):
        refused = read_wish({**typed, "overlap_hours": hours})
        assert isinstance(refused, Refused)
        assert refused.param == "overlap_hours"


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


def test_a_gauge_says_how_much_is_used_of_how_much() -> None:
    """Money in dollars; a limit of nothing is full; one that has ended is gone."""
    month = Limit(Metric.COST, Window.MONTH, 2_000_000_000, "gpt-*")
    nothing = Limit(Metric.REQUESTS, Window.DAY, 0, shadow=True)
    raised = Limit(Metric.TOKENS, Window.MINUTE, 10, raised_max=1_000, raised_until=1e11)
    over = Limit(Metric.TOKENS, Window.DAY, 10, until=1.0)
    held = [
        Held(Bound(KEY_ID, Scope.KEY, month), Stand(500_000_000, 1_000.0)),
        Held(Bound(KEY_ID, Scope.KEY, nothing), Stand(0, None)),
        Held(Bound(KEY_ID, Scope.PLAN, raised), None),
        Held(Bound(KEY_ID, Scope.KEY, over), None),
    ]

    found = gauges(held)

    assert [(one.name, one.used, one.most, one.share) for one in found] == [
        ("cost_usd/month:gpt-*", "$0.50", "$2.00", 0.25),
        ("requests/day", "0", "0", 1.0),
        ("tokens/minute", "0", "1k", 0.0),
    ]
    assert [one.resets_at for one in found] == [1_000_000, None, None]
    assert [one.raised_until is None for one in found] == [True, True, False]
