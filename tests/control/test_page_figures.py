"""Figures on pages: in whose days and hours they are cut."""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fakes.control_process import ControlProcess
from fakes.people import Human, first_owner
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn.domain.periods import day_start
from keyturn.system import now

FAR_EAST = "Pacific/Kiritimati"
STEP = re.compile(r'<time datetime="([^"]+)" title="([^"]+)">')


@pytest.fixture(scope="module")
def owner(control: ControlProcess) -> Human:
    """The node's first owner."""
    return first_owner(control)


@pytest.fixture(params=["America/New_York", "Asia/Kathmandu"])
def zone(request: pytest.FixtureRequest, control: ControlProcess) -> Iterator[ZoneInfo]:
    """The time zone of the node's own account: to the west of UTC, and to the east by hours that are not whole."""
    _live_in(control, request.param)
    yield ZoneInfo(request.param)
    _live_in(control, "UTC")


def _live_in(control: ControlProcess, name: str) -> None:
    control.operator.patch("/api/v1/accounts/Default", json={"time_zone": name}).raise_for_status()


def use(control: ControlProcess, at_s: float) -> None:
    """Write down a request that began then."""
    worker = WorkerJournal(control.data.journals)
    begun = admitted(started_us=int(at_s * 1e6))
    worker.write(begun, served(begun))
    worker.close()


@pytest.mark.parametrize("page", ["/dashboard?", "/dashboard/usage?by=nothing&"])
@pytest.mark.parametrize("span", ["24h", "30d"])
def test_charts_are_cut_by_the_clock_of_the_account(
    control: ControlProcess, owner: Human, zone: ZoneInfo, page: str, span: str
) -> None:
    """Whoever owns the node lives somewhere too: a day there is no mix of two."""
    use(control, now())
    before = datetime.now(zone).date()

    steps = int(span[:2])
    shown = STEP.findall(owner.page(f"{page}range={span}").text)[:steps]

    begins = [(datetime.fromisoformat(at).astimezone(zone), title) for at, title in shown]
    assert len(begins) == steps
    for begin, title in begins:
        assert begin.minute == 0
        day = f"{begin:%b} {begin.day}"
        if steps == 24:
            assert title == f"{day}, {begin:%H:%M %Z}"
        else:
            assert (begin.hour, title) == (0, f"{begin:%a}, {day} {begin.year}")
    assert begins[0][0].date() in {before, datetime.now(zone).date()}


def test_the_last_seven_days_of_a_model_are_those_of_the_account(
    control: ControlProcess, owner: Human
) -> None:
    """Beside the same figure on the usage page, nobody should have to wonder."""
    own, utc = (day_start(now(), ZoneInfo(name), days=-6) for name in (FAR_EAST, "UTC"))
    use(control, (own + utc) / 2)
    by_utc = _requests_of_the_model(owner)
    _live_in(control, FAR_EAST)

    by_the_account = _requests_of_the_model(owner)

    _live_in(control, "UTC")
    assert by_the_account - by_utc == (1 if own < utc else -1)


def _requests_of_the_model(owner: Human) -> int:
    [row] = re.findall(
        r"<tr>(?:(?!</tr>).)*name=demo-chat.*?</tr>", owner.page("/dashboard/models").text, re.DOTALL
    )
    return int(re.findall(r'<td class="number">(\d+)', row)[-1])
