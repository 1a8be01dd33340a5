"""What no key could be."""

import pytest

from fakes.issued import edit, found, issue
from fakes.stored_keys import BY_OPERATOR, DAY_MS
from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.key_terms import NewKey, Terms
from keyturn.services.keys import Key, Keys
from keyturn.services.projects import PolicyChange, ProjectChange, Projects

READ = frozenset({Permission.READ})
PAGES = ("https://app.example.com",)
FAR_MS = 4_000_000_000_000
ADMIN = PRESETS[Preset.ADMIN]
LOW_ORDER = "A" * 43 + "="


def of(**members: object) -> NewKey:
    """Return a key that is asked for."""
    return NewKey(**{"name": "x", **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        (of(name=""), "name"),
        (of(name="  "), "name"),
        (of(name="x" * 201), "name"),
        (of(name="a\nb"), "name"),
        (of(name="key_VbXhUyUBKUlzDND0IYtt"), "name"),
        (of(name="proj_VbXhUyUBKUlzDND0IYtt"), "name"),
        (of(description="d" * 2001), "description"),
        (of(permissions=frozenset()), "permissions"),
        (of(expires_at_ms=1), "expires_at"),
        (of(expires_at_ms=FAR_MS, not_before_ms=FAR_MS), "not_before"),
        (of(environment="two words"), "environment"),
        (of(models=("gpt-4", "")), "models[1]"),
        (of(models=("a b",)), "models[0]"),
        (of(models=("é",)), "models[0]"),
        (of(models=("m",) * 101), "models"),
        (of(endpoints=("/v1/*", "v1")), "endpoints[1]"),
        (of(ip=("10.0.0.0/8", "10.0.0.1/8")), "ip[1]"),
        (of(ip=("10.0.0.0/33",)), "ip[0]"),
        (of(ip=("localhost",)), "ip[0]"),
        (of(ip=("::1%eth0",)), "ip[0]"),
        (of(origins=("https://a.b/path",)), "origins[0]"),
        (of(origins=("https://a.b", "a.b")), "origins[1]"),
        (of(origins=("https://*.com",)), "origins[0]"),
        (of(origins=("https://a.*.com",)), "origins[0]"),
        (of(origins=("https://u@a.b",)), "origins[0]"),
        (of(origins=("null",)), "origins[0]"),
        (of(locations=()), "locations"),
        (of(locations=("header", "cookie")), "locations[1]"),
        (of(rotate_every_days=0), "rotation.every_days"),
        (of(rotate_every_days=3651), "rotation.every_days"),
        (of(overlap_hours=-1), "rotation.overlap_hours"),
        (of(overlap_hours=721), "rotation.overlap_hours"),
        (of(sealing_key="abc"), "rotation.sealing_key"),
        (of(sealing_key="YWJj"), "rotation.sealing_key"),
        (of(sealing_key=LOW_ORDER), "rotation.sealing_key"),
        (of(sink="relative/path"), "rotation.sink"),
        (of(sink="/etc/../root/x"), "rotation.sink"),
        (of(sink="/etc/"), "rotation.sink"),
        (of(sink="/a\nb"), "rotation.sink"),
        (of(sink="/" + "a" * 1000), "rotation.sink"),
        (of(tags=("a", "two words")), "tags[1]"),
        (of(tags=tuple(f"t{n}" for n in range(51))), "tags"),
        (of(metadata={str(n): "" for n in range(51)}), "metadata"),
        (of(metadata={"": "v"}), "metadata"),
        (of(metadata={"k": "v" * 501}), "metadata.k"),
        (of(kind=Kind.MANAGEMENT, preset=Preset.READ_ONLY), "permissions"),
        (of(kind=Kind.MANAGEMENT, permissions=READ), "permissions"),
        (of(kind=Kind.MANAGEMENT, recoverable=True), "recoverable"),
        (of(kind=Kind.PUBLISHABLE), "origins"),
        (of(kind=Kind.PUBLISHABLE, origins=PAGES, preset=Preset.ADMIN), "permissions"),
        (of(kind=Kind.PUBLISHABLE, origins=PAGES, permissions=READ | {Permission.WRITE}), "permissions"),
        (of(kind=Kind.PUBLISHABLE, origins=PAGES, self_rotation=True), "rotation.self_rotation"),
        (of(project="nowhere"), "project_id"),
        (of(user="nobody@example.com"), "user_id"),
        (of(user="user_00000000000000000000"), "user_id"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_its_member(
    keys: Keys, wanted: NewKey, param: str
) -> None:
    """The caller must see what to change."""
    refused = await keys.create(wanted, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)
    assert await found(keys) == ["default"]


@pytest.mark.parametrize(
    ("kind", "terms", "param"),
    [
        (Kind.SECRET, Terms(ip=("x",)), "ip[0]"),
        (Kind.MANAGEMENT, Terms(permissions=READ), "permissions"),
        (Kind.PUBLISHABLE, Terms(origins=()), "origins"),
        (Kind.PUBLISHABLE, Terms(permissions=ADMIN), "permissions"),
        (Kind.SECRET, Terms(not_before_ms=FAR_MS, expires_at_ms=FAR_MS), "not_before"),
    ],
)
async def test_no_edit_makes_a_key_that_could_not_be_created(
    keys: Keys, kind: Kind, terms: Terms, param: str
) -> None:
    """Otherwise the checks at creation would mean nothing."""
    await issue(keys, "app", kind=kind, origins=PAGES if kind is Kind.PUBLISHABLE else ())

    refused = await keys.edit("app", terms, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


async def test_a_project_decides_what_its_keys_may_be(keys: Keys, projects: Projects) -> None:
    """Its policy holds at creation and at every change of what it is about."""
    await issue(keys, "before", recoverable=True)
    policy = PolicyChange(
        locations=("header",), longest_life_days=30, recoverable=False, rotate_every_days=10
    )
    await projects.edit("Default", ProjectChange(policy=policy), by=BY_OPERATOR)
    soon = system.now_ms() + 29 * DAY_MS

    params = [
        refused.param
        for wanted in (
            of(),
            of(expires_at_ms=soon + 2 * DAY_MS),
            of(expires_at_ms=soon, recoverable=True),
            of(expires_at_ms=soon, locations=("query",)),
        )
        if isinstance(refused := await keys.create(wanted, by=BY_OPERATOR), Refused)
    ]
    made = await issue(keys, "after", expires_at_ms=soon, locations=("header",))
    prolonged = await keys.edit("after", Terms(expires_at_ms=None), by=BY_OPERATOR)

    assert params == ["expires_at", "expires_at", "recoverable", "locations"]
    assert made.key.stored.rotate_every_days == 10
    assert isinstance(prolonged, Refused)


async def test_a_policy_that_came_later_leaves_other_changes_alone(keys: Keys, projects: Projects) -> None:
    """A key must not become impossible to rename."""
    await issue(keys, "old", recoverable=True, locations=("query",))
    policy = PolicyChange(locations=("header",), longest_life_days=1, recoverable=False)
    await projects.edit("Default", ProjectChange(policy=policy), by=BY_OPERATOR)

    renamed = await edit(keys, "old", name="new")

    assert isinstance(renamed, Key)
