"""What would happen to a request; tests/control and tests/clients compare it with what does."""

from typing import Any

import msgspec
import pytest

from fakes.heard import Heard
from fakes.price_rules import RULES
from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.configuration import Configuration
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Issued, Keys
from keyturn.services.models import ModelChange, Models
from keyturn.services.simulate import Question, Simulation, Verdict
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault

BY = Principal(OPERATOR)
DAY_S = 86_400
CHAT = Question("/v1/chat/completions", "", "demo-chat", "192.0.2.1", "", "header", 0.0)


@pytest.fixture
def simulation(furnished: Store, vault: Vault, key_lookup: KeyLookup, workers: Heard) -> Simulation:
    """The use case, over a node with the demo's models."""
    configuration = Configuration(furnished, vault, demo_port=9, rules=RULES)
    return Simulation(furnished, key_lookup.of_key, configuration.read)


async def issue(keys: Keys, **members: Any) -> str:
    """Issue a key; return its identifier."""
    issued = await keys.create(NewKey(name="app", **members), by=BY)
    assert isinstance(issued, Issued), issued
    return issued.key.stored.id


async def ask(simulation: Simulation, key: str, **members: Any) -> Verdict:
    """Ask about a request; unless said otherwise, a chat now."""
    question = msgspec.structs.replace(CHAT, **{"at": system.now(), **members})
    verdict = await simulation.run(key, question, by=BY)
    assert isinstance(verdict, Verdict), verdict
    return verdict


def failed(verdict: Verdict) -> list[str]:
    """Return the checks that failed."""
    return [check.name for check in verdict.checks if check.passed is False]


async def test_a_request_that_would_be_let_in_passes_every_check(keys: Keys, simulation: Simulation) -> None:
    """And each says what it was decided by."""
    key = await issue(keys, ip=("192.0.2.0/24",), models=("demo-*",))

    verdict = await ask(simulation, key)

    details = {check.name: check.detail for check in verdict.checks}
    assert (verdict.refused, verdict.status, verdict.key_id) == (None, 200, key)
    assert all(check.passed for check in verdict.checks if check.name != "limits")
    assert details["address"] == "192.0.2.1 is among 192.0.2.0/24"
    assert details["model"] == "demo-chat is among demo-*"
    assert details["permission"] == "needs read, has read"
    assert details["endpoint"] == "any"


@pytest.mark.parametrize(
    ("terms", "asked", "expected"),
    [
        ({}, {"path": "/v1/nothing"}, (Reason.PATH_NOT_FOUND, "path")),
        ({}, {"method": "GET"}, (Reason.METHOD_NOT_ALLOWED, "path")),
        ({"locations": ("header",)}, {"place": "query"}, (Reason.LOCATION_NOT_ALLOWED, "credential found")),
        ({"ip": ("198.51.100.0/24",)}, {}, (Reason.IP_NOT_ALLOWED, "address")),
        ({"ip": ("198.51.100.0/24",)}, {"address": ""}, (Reason.IP_NOT_ALLOWED, "address")),
        (
            {"origins": ("https://a.example",)},
            {"origin": "https://b.example"},
            (Reason.ORIGIN_NOT_ALLOWED, "origin"),
        ),
        ({"endpoints": ("/v1/embeddings",)}, {}, (Reason.ENDPOINT_NOT_ALLOWED, "endpoint")),
        ({"models": ("gpt-*",)}, {}, (Reason.MODEL_NOT_ALLOWED, "model")),
        ({}, {"model": "demo-cat"}, (Reason.MODEL_NOT_FOUND, "model")),
        ({}, {"path": "/v1/engines/demo-cat/completions"}, (Reason.MODEL_NOT_FOUND, "model")),
        (
            {"permissions": frozenset({Permission.WEBHOOK})},
            {},
            (Reason.INSUFFICIENT_PERMISSIONS, "permission"),
        ),
        ({"decoy": True}, {}, (Reason.UNKNOWN_API_KEY, "known")),
    ],
)
async def test_the_first_refusal_wins_and_its_check_says_why(
    keys: Keys,
    simulation: Simulation,
    terms: dict[str, Any],
    asked: dict[str, Any],
    expected: tuple[Reason, str],
) -> None:
    """In the order in which requests meet the checks."""
    key = await issue(keys, **terms)

    verdict = await ask(simulation, key, **asked)

    assert verdict.refused is not None
    assert (verdict.refused.reason, failed(verdict)) == (expected[0], [expected[1]])
    assert next(one.detail for one in verdict.checks if one.passed is False).startswith(verdict.refused.text)


async def test_whoever_manages_a_key_is_told_its_list(keys: Keys, simulation: Simulation) -> None:
    """Its holder is not: an address list tells a thief where to go."""
    key = await issue(keys, ip=("198.51.100.0/24", "2001:db8::/32"))

    verdict = await ask(simulation, key)

    [detail] = [check.detail for check in verdict.checks if check.passed is False]
    assert "allowed: 198.51.100.0/24 2001:db8::/32" in detail


async def test_time_can_be_chosen(keys: Keys, simulation: Simulation) -> None:
    """Whether a key still works next month is asked today."""
    now = system.now()
    times = {"not_before_ms": int((now + DAY_S) * 1000), "expires_at_ms": int((now + 2 * DAY_S) * 1000)}
    key = await issue(keys, **times)

    early = await ask(simulation, key)
    good = await ask(simulation, key, at=now + 1.5 * DAY_S)
    late = await ask(simulation, key, at=now + 3 * DAY_S)

    assert failed(early) == ["validity window"]
    assert good.refused is None
    assert failed(late) == ["not expired"]


async def test_a_model_that_is_not_named_is_not_checked(keys: Keys, simulation: Simulation) -> None:
    """Nobody asked, so nothing is claimed."""
    verdict = await ask(simulation, await issue(keys, models=("gpt-*",)), model="")

    assert verdict.refused is None
    assert [one.name for one in verdict.checks if one.passed is None] == ["model", "limits"]


async def test_a_name_with_a_star_stands_for_its_models(
    keys: Keys, simulation: Simulation, models: Models
) -> None:
    """As workers see it; the name of the star itself is nobody's."""
    await models.add("demo/*", ModelChange(upstream="demo"), by=BY)
    key = await issue(keys)

    known = await ask(simulation, key, model="demo/echo")
    unknown = await ask(simulation, key, model="elsewhere/echo")

    assert known.refused is None
    assert failed(unknown) == ["model"]


async def test_the_list_of_models_needs_no_model(keys: Keys, simulation: Simulation) -> None:
    """It is a call without one."""
    verdict = await ask(simulation, await issue(keys), path="/v1/models", model="")

    assert verdict.refused is None
    assert [one.name for one in verdict.checks if one.passed is None] == ["limits"]


async def test_a_secret_can_be_chosen(keys: Keys, simulation: Simulation, key_lookup: KeyLookup) -> None:
    """During a rotation the old and the new one may be answered differently."""
    key = await issue(keys)
    [holder] = key_lookup.of_key(key)

    by_id = await ask(simulation, key, secret=holder.secret_id)
    by_state = await ask(simulation, key, secret="active")
    none = await simulation.run(key, msgspec.structs.replace(CHAT, secret="pending"), by=BY)

    assert by_id.secret_id == by_state.secret_id == holder.secret_id
    assert isinstance(none, Refused)
    assert (none.reason, none.param) == (Reason.INVALID_MEMBER, "secret")


async def test_a_key_out_of_reach_is_not_there(keys: Keys, simulation: Simulation) -> None:
    """One customer must not learn what another's keys may do."""
    key = await issue(keys)
    rights = frozenset({Permission.WRITE})
    stranger = KeyRecord("key_x", "x", Kind.SECRET, rights, account_id="acct_other", project_id="proj_other")

    refused = await simulation.run(key, CHAT, by=Principal("key_x", key=stranger))

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_a_model_without_a_price_is_refused_where_workers_refuse_it(
    furnished: Store, vault: Vault, key_lookup: KeyLookup, keys: Keys, models: Models
) -> None:
    """The setting counts here, too."""
    await models.add("free", ModelChange(upstream="demo", upstream_model="nothing"), by=BY)
    configuration = Configuration(furnished, vault, demo_port=9, rules=RULES)
    strict = Simulation(furnished, key_lookup.of_key, configuration.read, refuses_unpriced=True)
    key = await issue(keys)

    free, priced = await ask(strict, key, model="free"), await ask(strict, key, model="gpt-4o")

    assert (free.status, failed(free)) == (403, ["model"])
    assert free.refused is not None
    assert free.refused.reason is Reason.MODEL_UNPRICED
    assert priced.refused is None
