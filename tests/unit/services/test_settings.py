"""Settings that are changed while the node runs."""

import msgspec
import pytest

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, log_of
from keyturn import bus
from keyturn.config.live import Changed, Live, changeable
from keyturn.config.sections import Auth, Settings, Support
from keyturn.dialects.help import Help
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.settings import NodeSettings, Shown, access_of
from keyturn.store import settings as store_settings
from keyturn.store.engine import Store
from keyturn.store.settings import StoredSetting

GIVEN = Settings(auth=Auth(locations=frozenset({"header", "query"})))


@pytest.fixture
def live() -> Live:
    """What a node on this machine alone was started with."""
    return Live(GIVEN, {"auth.locations": "keyturn.toml:3"}, anonymous_allowed=True)


@pytest.fixture
def settings(furnished: Store, workers: Heard, live: Live) -> NodeSettings:
    """The use cases."""
    return NodeSettings(furnished, workers, live)


def shown(result: list[Shown] | Refused, path: str) -> Shown:
    """Return one of the settings of a change that was not refused."""
    assert isinstance(result, list), result
    [found] = [one for one in result if one.path == path]
    return found


async def test_a_change_holds_at_once_and_after_a_restart(
    settings: NodeSettings, furnished: Store, workers: Heard, live: Live
) -> None:
    """Above the file, until it is reset."""
    changed = await settings.change({"auth.required": False, "requests.kept_days": 7}, by=BY_OPERATOR)
    again = Live(GIVEN, anonymous_allowed=True)
    await NodeSettings(furnished, workers, again).load()

    assert shown(changed, "auth.required").origin == "changed at run time by operator"
    assert (live.now.auth.required, live.now.requests.kept_days) == (False, 7)
    assert again.now == live.now
    assert again.problems == []
    assert workers.changes == [None]
    assert (await log_of(furnished))[-1] == ("operator", "settings.change", "requests.kept_days")


async def test_a_reset_leads_back_to_the_file(settings: NodeSettings, furnished: Store, live: Live) -> None:
    """And nothing of the change is left."""
    await settings.change({"auth.locations": ["header"], "support.contact": "me"}, by=BY_OPERATOR)
    between = live.now.auth.locations

    back = await settings.change({"auth.locations": None}, by=BY_OPERATOR)
    async with furnished.reading() as connection:
        left = await store_settings.everything(connection)

    assert between == {"header"}
    assert live.now.auth.locations == GIVEN.auth.locations
    locations = shown(back, "auth.locations")
    assert (locations.value, locations.origin) == (["header", "query"], "keyturn.toml:3")
    assert locations.changed is None
    assert [one.path for one in left] == ["support.contact"]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"server.port": 1}, "server.port"),
        ({"auth.required": "perhaps"}, "auth.required"),
        ({"auth.locations": []}, "auth.locations"),
        ({"auth.locations": ["nowhere"]}, "auth.locations"),
        ({"requests.kept_days": 7, "events.kept_days": 0}, "events.kept_days"),
    ],
)
async def test_a_change_that_can_not_be_is_refused_as_a_whole(
    settings: NodeSettings, live: Live, workers: Heard, wanted: dict[str, object], param: str
) -> None:
    """With the name of the setting that is at fault."""
    refused = await settings.change(wanted, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)
    assert live.now == GIVEN
    assert workers.changes == []


async def test_the_network_is_not_let_in_by_a_change(furnished: Store, workers: Heard) -> None:
    """What the start refuses, a change at run time does too."""
    live = Live(GIVEN)
    settings = NodeSettings(furnished, workers, live)

    refused = await settings.change({"auth.required": False}, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.CONFLICT, "auth.required")
    assert live.now.auth.required


async def test_a_node_that_moves_to_the_network_asks_for_keys_again(
    settings: NodeSettings, furnished: Store, workers: Heard
) -> None:
    """A change that was made while it listened on this machine alone opens nothing there, and the operator is told."""
    await settings.change({"auth.required": False, "requests.kept_days": 7}, by=BY_OPERATOR)
    moved = Live(GIVEN)

    await NodeSettings(furnished, workers, moved).load()

    assert moved.now.auth.required
    assert moved.now.requests.kept_days == 7
    [problem] = moved.problems
    assert "keyturn settings reset auth.required" in problem


@pytest.mark.parametrize("value", ["[", '"nonsense"', "0"])
async def test_a_stored_value_that_can_not_be_read_stops_no_start(
    furnished: Store, workers: Heard, live: Live, value: str
) -> None:
    """Another version may have written it."""
    async with furnished.writing() as connection:
        await store_settings.put(connection, StoredSetting("requests.kept_days", value, 1, "operator"))
        await store_settings.put(connection, StoredSetting("no.more", "1", 1, "operator"))

    await NodeSettings(furnished, workers, live).load()

    assert live.now == GIVEN
    assert len(live.problems) == 2


def test_workers_are_told_what_concerns_who_comes() -> None:
    """Where keys may stand, whether one is needed, and whom to ask."""
    settings = Settings(
        auth=Auth(required=False, locations=frozenset({"header"})), support=Support("me", "https://more")
    )

    assert access_of(settings) == bus.Access(frozenset({"header"}), True, Help("me", "https://more"))


def test_every_setting_that_can_be_changed_has_a_default_that_can_be_read_back(live: Live) -> None:
    """Otherwise a reset would fail."""
    live.take(
        {path: Changed(msgspec.to_builtins(entry.default), 1, "x") for path, entry in changeable().items()}
    )

    assert live.problems == []
    assert live.now == Settings()
