"""What pages say of people, keys and the node itself."""

import re

from fakes.control_process import ControlProcess
from fakes.people import first_owner, made, newcomer

MAKER = re.compile(r"<dt>Created</dt><dd>.*?</dd>")


def test_who_made_a_key_is_named_to_whoever_may_know(control: ControlProcess) -> None:
    """Nobody knows people by their identifiers."""
    owner = first_owner(control)
    member = newcomer(control, "holder@first.example", "member")
    project = made(control.operator.get("/api/v1/projects/Default"))["id"]
    made(control.operator.post(f"/api/v1/projects/{project}/members", json={"user_id": member.id}))
    wanted = {"name": "theirs", "user_id": member.id}
    key_id = made(owner.call("POST", "/api/v1/keys", json=wanted))["id"]
    own = made(control.operator.post("/api/v1/keys", json={"name": "of the machine"}))["id"]

    shown = [
        MAKER.findall(who.page(f"/dashboard/keys/{key}").text)[0]
        for who, key in ((owner, key_id), (member, key_id), (owner, own))
    ]

    assert "by First<" in shown[0]
    assert "user_" not in shown[1]
    assert " by " not in shown[1]
    assert "by Operator at the machine<" in shown[2]


def test_a_log_without_requests_says_what_to_do_and_not_what_filters_did(fresh: ControlProcess) -> None:
    """Whoever has just set a node up has set no filter."""
    owner = first_owner(fresh)

    whole, filtered = (owner.page(f"/dashboard/requests{query}").text for query in ("", "?status=5xx"))

    assert "No requests yet" in whole
    assert 'href="/dashboard/playground">Try' in whole
    assert "these filters" not in whole
    assert "these filters" in filtered
