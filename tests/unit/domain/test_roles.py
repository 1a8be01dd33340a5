import pytest

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.rights import too_strong_for
from keyturn.domain.roles import Person, Role, may, narrows, needs_proof

KEY = "/api/v1/keys/{key_id}"


def person(role: Role, *, first: bool = False) -> Person:
    """Return somebody of an account."""
    return Person("user_1", "acct_1", role, first_account=first)


def by(role: Role, *, first: bool = False) -> Principal:
    """Return the same as whoever asks."""
    return Principal("user_1", person=person(role, first=first))


def key(**members: object) -> KeyRecord:
    """Return a personal key of theirs that calls models."""
    plain = {
        "id": "key_1",
        "name": "",
        "kind": Kind.SECRET,
        "permissions": frozenset({Permission.READ}),
        "project_id": "proj_1",
        "account_id": "acct_1",
        "user_id": "user_1",
    }
    return KeyRecord(**{**plain, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "less"),
    [
        (Role.OWNER, {Role.ADMIN, Role.MEMBER, Role.VIEWER}),
        (Role.ADMIN, {Role.MEMBER, Role.VIEWER}),
        (Role.MEMBER, {Role.VIEWER}),
        (Role.VIEWER, {Role.MEMBER}),
    ],
)
def test_a_role_narrows_where_something_is_lost(before: Role, less: set[Role]) -> None:
    """A member sees less than a viewer, and a viewer does less than a member: either way something ends."""
    assert {after for after in Role if narrows(before, after)} == less


def test_what_is_gone_for_good_and_what_is_secret_need_proof() -> None:
    """Also of what may be deleted one day."""
    assert needs_proof("DELETE", "/api/v1/anything")
    assert needs_proof("POST", f"{KEY}/reveal")
    assert not needs_proof("POST", f"{KEY}/disable")


def test_what_no_table_names_is_closed_to_everybody() -> None:
    """A page whose operation has a typo opens to nobody, not to all."""
    assert not any(may(person(role, first=True), "GET", "/api/v1/nothing") for role in Role)


def test_proof_counts_until_its_time_is_over() -> None:
    """And not at that moment any more."""
    known = Person("user_1", "acct_1", Role.OWNER, first_account=True, proved_until_ms=1_000)

    assert known.proved(999)
    assert not known.proved(1_000)


@pytest.mark.parametrize(
    ("who", "members", "member"),
    [
        (by(Role.MEMBER), {}, None),
        (by(Role.MEMBER), {"user_id": "user_2"}, "user_id"),
        (by(Role.MEMBER), {"user_id": ""}, "user_id"),
        (by(Role.MEMBER), {"kind": Kind.MANAGEMENT}, "kind"),
        (by(Role.MEMBER), {"permissions": frozenset({Permission.READ, Permission.WRITE})}, "permissions"),
        (by(Role.MEMBER), {"permissions": frozenset({Permission.WEBHOOK})}, "permissions"),
        (by(Role.MEMBER), {"account_id": "acct_2"}, "project_id"),
        (by(Role.VIEWER), {}, "permissions"),
        (
            by(Role.ADMIN),
            {"kind": Kind.MANAGEMENT, "permissions": frozenset(Permission), "user_id": ""},
            None,
        ),
        (by(Role.ADMIN), {"account_id": "acct_2"}, "project_id"),
        (by(Role.OWNER, first=True), {"account_id": "acct_2"}, None),
        (Principal(""), {}, "permissions"),
    ],
)
def test_nobody_makes_a_key_that_is_stronger_than_they_are(
    who: Principal, members: dict[str, object], member: str | None
) -> None:
    """The first member that reaches too far is named."""
    assert too_strong_for(key(**members), who) == member


def test_a_person_reaches_as_far_as_their_role() -> None:
    """A member's own keys, an account, or the node; and never what only the machine's operator does."""
    member, admin, root = by(Role.MEMBER), by(Role.ADMIN), by(Role.OWNER, first=True)

    assert [one.trusted for one in (member, admin, root, Principal(""), Principal(OPERATOR))] == [
        *[False] * 4,
        True,
    ]
    assert [one.account_id for one in (member, admin, root)] == ["acct_1", "acct_1", ""]
    assert [one.holder_id for one in (member, admin, root)] == ["user_1", "", ""]
    assert member.reaches_key("acct_1", "proj_1", "user_1")
    assert not member.reaches_key("acct_1", "proj_1", None)
    assert not member.reaches_key("acct_2", "proj_1", "user_1")
    assert admin.reaches_key("acct_1", "proj_1", None)
    assert [one.reaches_user("acct_1", "user_2") for one in (member, admin, root)] == [False, True, True]
