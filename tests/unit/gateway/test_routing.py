"""What a worker knows of upstreams and targets, and the routes that it makes of a configuration."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fakes.price_rules import ever
from keyturn import bus, system
from keyturn.config.sections import Routing as Settings, Settings as AllSettings
from keyturn.domain.models import Sold, Target
from keyturn.domain.prices import Price, PriceStep, PriceVersion
from keyturn.domain.routing import WELL, Health, Terms
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.plane import MATCHED, Plane
from keyturn.gateway.routing import LEAST_REST_S, Routing, UpstreamState

OPENAI = bus.Upstream("openai", "https://a.example/v1", "one", credentials=("one", "two", "three"))
DEAR, CHEAP = ever(Price(30, 60, reasoning_nano_usd=80), "prc_dear"), ever(Price(10, 90), "prc_cheap")


def state(workers: int = 1, **members: object) -> UpstreamState:
    """Return what is known of a new upstream."""
    return UpstreamState(msgspec.structs.replace(OPENAI, **members), workers)


def bearer(known: UpstreamState) -> bytes:
    """Return the credential that requests are sent with."""
    return known.head("chat").lines.partition(b"Bearer ")[2].strip()


# ── credentials ─────────────────────────────────────────────────────────────


def test_credentials_rest_one_after_the_other() -> None:
    """The next is used for all requests, and the first again when it has rested."""
    known = state()
    head = known.head("chat")

    left = [known.rest(0, 0.0, 60.0), known.rest(1, 1.0, 10.0), known.rest(2, 2.0, 0.0)]
    soonest = bearer(known)
    later = known.rest(2, 62.0, 5.0)

    assert left == [2, 1, 0]
    assert soonest == b"three", "the one that has to rest least"
    assert (later, bearer(known)) == (2, b"one")
    assert known.head("chat") is head, "ways keep it"


def test_a_credential_that_another_request_has_given_up_is_not_given_up_twice() -> None:
    """Many requests fail with the same one at the same time."""
    known = state()
    known.rest(0, 0.0, 60.0)

    known.rest(0, 0.1, 60.0)

    assert bearer(known) == b"two"


def test_a_rest_lasts_a_moment_at_least() -> None:
    """A provider may say to wait for no time at all."""
    known = state()

    known.rest(0, 0.0, 0.0)

    assert known.rest(1, LEAST_REST_S / 2, 9.0) == 1


def test_a_credential_that_is_gone_meanwhile_is_nobody() -> None:
    """A request may outlive a change of the credentials."""
    known = state()
    known.change(msgspec.structs.replace(OPENAI, credentials=("one",)), 1)

    assert known.rest(2, 0.0, 60.0) == 1
    assert bearer(known) == b"one"


def test_every_credential_is_withheld() -> None:
    """A provider may quote one that is not used any more."""
    assert state().withhold(b"one, two and three") == b"[redacted], [redacted] and [redacted]"
    assert state(credential="", credentials=()).withhold(b"one") == b"one"


# ── room ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("workers", "share"), [(1, 10), (3, 3), (40, 1)])
def test_workers_share_what_there_is_room_for(workers: int, share: int) -> None:
    """Rounded down, because the provider counts all of them; but nobody starves."""
    known = state(workers, max_concurrency=10)

    known.under_way = share - 1
    room = known.wait_s(0.0, 0.0)
    known.under_way = share

    assert room == 0
    assert known.wait_s(0.0, 0.0) > 0


def test_a_minute_holds_no_more_than_is_set() -> None:
    """Any minute."""
    known = state(requests_per_minute=3)

    waits = [known.wait_s(float(at), 0.0) for at in (0, 1, 2, 3, 50)]
    again = known.wait_s(waits[-1] + 50, 0.0)

    assert waits[:3] == [0, 0, 0]
    assert 57 <= waits[3] <= 60
    assert 10 <= waits[4] <= 12
    assert again == 0


def test_without_limits_there_is_room() -> None:
    """And nothing is counted for it."""
    assert not state().limited
    assert state(requests_per_minute=1).limited
    assert state().wait_s(0.0, 0.5) == 0


# ── over a change of the configuration ──────────────────────────────────────


def test_what_is_known_outlives_a_change() -> None:
    """A target that is down is still down when somebody names another model."""
    routing = Routing(Settings(), 1)
    routing.apply({"openai": OPENAI})
    before, standing = routing.state("openai"), routing.standing(Target("openai", "m"))
    before.under_way = 7
    standing.health = Health(3, 1, 50.0)

    routing.apply({"openai": msgspec.structs.replace(OPENAI, max_concurrency=7)})

    assert routing.state("openai") is before
    assert before.limited
    assert before.wait_s(0.0, 0.0) > 0, "who was under way before counts"
    assert routing.standing(Target("openai", "m")) is standing


@pytest.mark.parametrize("upstreams", [{}, {"openai": bus.Upstream("openai", "https://b.example/v1", "new")}])
def test_what_is_elsewhere_now_is_somebody_else(upstreams: dict[str, bus.Upstream]) -> None:
    """A request that still goes to the old place must not take the new credential there."""
    routing = Routing(Settings(), 1)
    routing.apply({"openai": OPENAI})
    before = routing.state("openai")
    standing = routing.standing(Target("openai", "m"))
    standing.health = Health(3, 1, 50.0)

    routing.apply(upstreams)
    routing.apply(upstreams or {"openai": OPENAI})

    assert routing.state("openai") is not before
    assert bearer(before) == b"one"
    assert routing.standing(Target("openai", "m")).health is WELL


def test_failures_are_noted_by_the_settings() -> None:
    """As the operator has set them."""
    routing = Routing(Settings(cool_after=1, cool_down_s=10), 1)
    routing.apply({"openai": OPENAI})
    standing = routing.standing(Target("openai", "m"))

    routing.failed(standing, None, 100.0)

    assert 110 <= standing.health.until <= 113


# ── routes ──────────────────────────────────────────────────────────────────


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    """A worker's, without a configuration."""
    tasks = system.Tasks()
    made = Plane(
        AllSettings(),
        Journal(tmp_path, "1-abc", 1 << 16),
        KeyCache(lambda _call, _digest: True, limit=10),
        control_socket=tmp_path / "none.sock",
        tasks=tasks,
        send=lambda _message: True,
        later=asyncio.get_running_loop().call_later,
    )
    yield made
    made.close()
    made.journal.close()
    await tasks.cancel()


def configure(plane: Plane, **targets: tuple[Target, ...]) -> None:
    """Send a configuration."""
    models = {name.replace("_star", "*"): found[0] for name, found in targets.items()}
    others = {name.replace("_star", "*"): found[1:] for name, found in targets.items() if len(found) > 1}
    plane.apply(bus.Snapshot(1, models, {"openai": OPENAI}, frozenset({"header"}), others=others))


async def test_a_model_with_several_targets_reserves_at_the_dearest(plane: Plane) -> None:
    """Whoever answers: what was reserved is enough; and charged is what it costs there."""
    configure(plane, fast=(Target("openai", "a", DEAR, 0, 100), Target("openai", "b", CHEAP, 0, 900)))

    first, second = plane.routes["fast"].among

    assert plane.routes["fast"] is first
    assert (first.cost(10**6, 10**6), second.cost(10**6, 10**6)) == (90, 100)
    assert first.ceiling(10**6, 10**6) == second.ceiling(10**6, 10**6) == 30 + 90
    assert (first.output_cap, second.output_cap) == (900, 900)
    assert (first.told, second.name) == (b"x-keyturn-target: openai/a\r\n", "openai/b")


async def test_a_lone_target_is_among_nobody(plane: Plane) -> None:
    """Its way is the short one."""
    configure(plane, fast=(Target("openai", "a", DEAR),))

    assert plane.routes["fast"].among == ()


async def test_a_price_that_begins_later_is_that_of_its_target(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others of the model know what the dearest is by then."""
    later = (PriceStep(0, CHEAP[0].version), PriceStep(5_000, PriceVersion("prc_new", "m", Price(1000, 90))))
    monkeypatch.setattr(system, "now_ms", lambda: 1_000)
    configure(plane, fast=(Target("openai", "a", DEAR), Target("openai", "b", later)))
    before = plane.routes["fast"]

    monkeypatch.setattr(system, "now_ms", lambda: 5_000)
    plane.sweep(system.monotonic())

    after = plane.routes["fast"]
    assert before.ceiling(10**6, 0) == 30
    assert after.ceiling(10**6, 0) == 1000
    assert [one.price_id for one in after.among] == ["prc_dear", "prc_new"]
    assert after.standing is before.standing


async def test_a_star_is_resolved_once(plane: Plane) -> None:
    """The second request for a name finds the route of the first."""
    star = Target("openai", "gpt-*", sold={"gpt-4o": Sold(DEAR, 77)})
    configure(plane, gpt_star=(star,))
    configure(plane, **{"my/_star": (star,)})

    route = plane.match("my/4o")

    assert route is not None
    assert (route.target.model, route.price_id, route.output_cap) == ("gpt-4o", "prc_dear", 77)
    assert plane.match("my/4o") is route
    assert plane.match("other") is None
    assert "my/*" not in plane.routes


@pytest.mark.parametrize("name", ["my/a b", "my/a\r\nx: y", "my/ä", "my/" + "x" * 200, "my/"])
async def test_what_cannot_stand_in_a_header_is_no_name(plane: Plane, name: str) -> None:
    """It comes from a client and goes into headers, paths and the journal."""
    configure(plane, **{"my/_star": (Target("openai", "*"),)})

    assert plane.match(name) is None


async def test_names_that_are_made_up_do_not_fill_the_memory(plane: Plane) -> None:
    """A client can ask for any."""
    configure(plane, **{"my/_star": (Target("openai", "*"),)})

    for number in range(2 * MATCHED + 5):
        plane.match(f"my/{number}")

    assert len(plane._matched) == 5
    assert len(plane.routing._standings) == 5


async def test_the_name_of_a_model_is_encoded_where_it_is_told(plane: Plane) -> None:
    """A name that an operator gives may hold anything printable."""
    configure(plane, fast=(Target("openai", "modèle 1", terms=Terms()),))

    assert plane.routes["fast"].name == "openai/mod%C3%A8le%201"
