"""Which key is stronger than which."""

import pytest
from msgspec import structs

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.domain.permissions import Permission
from keyturn.domain.rights import too_strong

NOON = 1_790_000_000.0
KEY = KeyRecord(
    "key_1",
    "one",
    Kind.SECRET,
    frozenset({Permission.READ, Permission.WRITE}),
    project_id="proj_1",
    account_id="acct_1",
)
ADMIN = structs.replace(KEY, permissions=frozenset({Permission.ADMIN}))
MINUTE = Limit(Metric.REQUESTS, Window.MINUTE, 60)
OWN, OF_PROJECT = Bound("key_1", Scope.KEY, MINUTE), Bound("proj_1", Scope.PROJECT, MINUTE)
TIGHTER, WIDER = (Bound("key_2", Scope.KEY, structs.replace(MINUTE, max=size)) for size in (6, 600))


@pytest.mark.parametrize("key", [KEY, ADMIN, structs.replace(KEY, models=("a*",), ip=("::/8",))])
def test_no_key_is_stronger_than_itself(key: KeyRecord) -> None:
    """A key may make its like."""
    assert too_strong(key, key, NOON) is None


@pytest.mark.parametrize(
    ("parent", "child", "member"),
    [
        ({"kind": Kind.PUBLISHABLE}, {"kind": Kind.SECRET}, "kind"),
        ({"kind": Kind.PUBLISHABLE}, {"kind": Kind.PUBLISHABLE}, None),
        ({}, {"kind": Kind.PUBLISHABLE, "origins": ("https://a.b",)}, None),
        ({"permissions": {Permission.READ}}, {"permissions": {Permission.WRITE}}, "permissions"),
        ({"permissions": {Permission.ADMIN}}, {"permissions": {Permission.WEBHOOK}}, None),
        ({"permissions": {Permission.WRITE}}, {"permissions": {Permission.ADMIN}}, "permissions"),
        ({}, {"project_id": "proj_2"}, "project_id"),
        ({}, {"account_id": "acct_2"}, "project_id"),
        ({"permissions": {Permission.ADMIN}}, {"project_id": "proj_2"}, None),
        ({"permissions": {Permission.ADMIN}}, {"account_id": "acct_2"}, "project_id"),
        ({"permissions": {Permission.ADMIN}, "node_wide": True}, {"account_id": "acct_2"}, None),
        ({"node_wide": True}, {"account_id": "acct_2"}, "project_id"),
        ({"user_id": "user_1"}, {}, "user_id"),
        ({"user_id": "user_1"}, {"user_id": "user_2"}, "user_id"),
        ({"user_id": "user_1"}, {"user_id": "user_1"}, None),
        ({"user_id": "user_1", "permissions": {Permission.ADMIN}}, {}, None),
        ({}, {"user_id": "user_1"}, None),
        ({"limits": (OWN,)}, {}, "limits"),
        ({"limits": (OWN,)}, {"limits": (OF_PROJECT,)}, "limits"),
        ({"limits": (OWN,)}, {"limits": (WIDER,)}, "limits"),
        ({"limits": (OWN, OF_PROJECT)}, {"limits": (TIGHTER,)}, None),
        ({"limits": (OF_PROJECT,)}, {}, None),
        ({}, {"limits": (OWN,)}, None),
        ({"models": ("gpt-*",)}, {}, "models"),
        ({"models": ("gpt-*",)}, {"models": ("gpt-4*", "gpt-mini")}, None),
        ({"models": ("gpt-*",)}, {"models": ("gpt-4", "claude")}, "models"),
        ({"models": ("gpt-*",)}, {"models": ("*",)}, "models"),
        ({"models": ("gpt-*",)}, {"models": ("gp*",)}, "models"),
        ({"models": ("gpt-*-mini",)}, {"models": ("gpt-4*-mini",)}, None),
        ({"models": ("gpt-*-mini",)}, {"models": ("gpt-4*",)}, "models"),
        ({"models": ("a",)}, {"models": ("*",)}, "models"),
        ({"models": ("*",)}, {}, "models"),
        ({"endpoints": ("/v1/*",)}, {"endpoints": ("/v1/chat/*",)}, None),
        ({"endpoints": ("/v1/chat/*",)}, {"endpoints": ("/v1/*",)}, "endpoints"),
        ({"ip": ("10.0.0.0/8",)}, {}, "ip"),
        ({"ip": ("10.0.0.0/8",)}, {"ip": ("10.1.0.0/16", "10.2.3.4/32")}, None),
        ({"ip": ("10.0.0.0/8",)}, {"ip": ("10.1.0.0/16", "11.0.0.0/16")}, "ip"),
        ({"ip": ("10.0.0.0/8",)}, {"ip": ("::/0",)}, "ip"),
        ({"ip": ("::/0",)}, {"ip": ("10.0.0.0/8",)}, "ip"),
        ({"ip": ("10.0.0.0/8",)}, {"ip": ("nowhere",)}, "ip"),
        ({"ip": ("nowhere",)}, {"ip": ("10.0.0.0/8",)}, "ip"),
        ({"origins": ("https://*.b.c",)}, {}, "origins"),
        ({"origins": ("https://*.b.c",)}, {"origins": ("https://a.b.c", "https://*.b.c")}, None),
        ({"origins": ("https://a.b.c",)}, {"origins": ("https://*.b.c",)}, "origins"),
        ({"origins": ("https://*.b.c",)}, {"origins": ("https://x.a.b.c",)}, "origins"),
        ({"origins": ("https://*.b.c",)}, {"origins": ("https://*.a.b.c",)}, "origins"),
        ({"locations": frozenset({"header"})}, {}, "locations"),
        ({"locations": frozenset({"header"})}, {"locations": frozenset({"header", "body"})}, "locations"),
        ({}, {"locations": frozenset({"header"})}, None),
        ({"locations": frozenset({"header", "query", "body"})}, {}, None),
        ({"expires_at": NOON + 1}, {}, "expires_at"),
        ({"expires_at": NOON + 1}, {"expires_at": NOON + 2}, "expires_at"),
        ({"expires_at": NOON + 1}, {"expires_at": NOON + 1}, None),
        ({"not_before": NOON - 1}, {}, None),
        ({"not_before": NOON + 1}, {}, "not_before"),
        ({"not_before": NOON + 1}, {"not_before": NOON + 2}, None),
    ],
)
def test_the_member_that_reaches_further_is_named(
    parent: dict[str, object], child: dict[str, object], member: str | None
) -> None:
    """The caller must see what to take back; ``None``: the key may be made."""
    strong = structs.replace(KEY, **parent)
    shared = {"permissions": strong.permissions, "kind": strong.kind} | child

    made = structs.replace(KEY, **shared)

    assert too_strong(made, strong, NOON) == member


def test_a_management_key_issues_keys_for_the_models_on_its_own_list() -> None:
    """It calls none itself, and still bounds those that do."""
    manager = structs.replace(ADMIN, kind=Kind.MANAGEMENT, models=("gpt-*",))

    assert too_strong(structs.replace(KEY, models=("gpt-4",)), manager, NOON) is None
    assert too_strong(KEY, manager, NOON) == "models"
