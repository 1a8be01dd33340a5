"""What the page says of a request."""

from zoneinfo import ZoneInfo

from fakes.usage_records import request_id, served
from keyturn.control.dashboard.pages import requests
from keyturn.control.dashboard.request_rows import row
from keyturn.control.resources.request_objects import show
from keyturn.domain.journal import Admitted, Refused as RefusedRequest
from keyturn.domain.roles import Person, Role

UTC = ZoneInfo("UTC")
OWNER = Person("user_1", "acct_1", Role.OWNER, first_account=True)
MEMBER = Person("user_2", "acct_1", Role.MEMBER, first_account=True)


def test_times_of_a_request_add_up_to_the_whole() -> None:
    """The bars show where the time went, without gaps."""
    record = served(auth_us=100, sent_us=300, first_byte_us=0, total_us=1_000)

    found = requests.phases(show(record, ""))

    assert [(name, us) for name, us, _, _ in found] == [("Key", 100), ("Until sent", 200), ("Answer", 700)]
    assert sum(length for *_, length in found) == 100


def test_a_line_says_what_became_of_a_request() -> None:
    """Under way, refused, lost with its worker, or what it cost."""
    number = request_id()
    refused = RefusedRequest(
        number, "", "unknown_api_key", 401, 5, "chat", "/v1", "gpt", "authorization", "192.0.2.1", ""
    )
    under_way = Admitted(number, "key_1", "gpt", "openai", "chat", 5, 1, 1, 0, "192.0.2.1")
    lost = served(status=0, outcome="recovered")

    assert (row(refused, "").key, row(refused, "").why, row(refused, "").kind) == (
        "no key",
        "unknown api key",
        "warn",
    )
    assert (row(under_way, "app").status, row(under_way, "app").tokens) == ("under way", "\N{EN DASH}")
    assert (row(lost, "app").status, row(lost, "app").kind) == ("lost", "bad")
