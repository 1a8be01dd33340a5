"""No key makes one that can do what it can't do itself."""

from hypothesis import given, settings, strategies as st
from msgspec import structs

from keyturn.domain.decision import Facts, decide, refused_by_model
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.rights import PLACES, too_strong

NOON = 1_790_000_000.0

names = st.sampled_from(
    ["gpt-4", "gpt-4-mini", "gpt-mini", "claude", "a", "*", "gpt-*", "*-mini", "g*i", "a*a", "**"]
)
paths = st.sampled_from(["/v1/chat", "/v1/chat/x", "/v1/*", "/v1/chat*", "*", "/v1/images/*"])
networks = st.sampled_from(
    ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "::ffff:10.0.0.0/104"]
)
origins = st.sampled_from(
    [
        "https://a.b.c",
        "https://*.b.c",
        "https://x.a.b.c",
        "https://*.a.b.c",
        "http://a.b.c",
        "https://a.b.c:8443",
    ]
)
bounds = st.builds(
    Bound,
    owner_id=st.just("key_1"),
    scope=st.sampled_from([Scope.KEY, Scope.PROJECT]),
    limit=st.builds(
        Limit,
        metric=st.sampled_from([Metric.REQUESTS, Metric.TOKENS]),
        window=st.just(Window.MINUTE),
        max=st.integers(0, 2),
        model=st.sampled_from(["", "gpt-*", "gpt-4"]),
        shadow=st.booleans(),
    ),
)
times = st.none() | st.sampled_from([NOON + day for day in (-2.0, -1.0, 1.0, 2.0, 3.0)])


def several(one: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of these, mostly none: then there is no restriction."""
    return st.just(()) | st.lists(one, max_size=3, unique=True).map(tuple)


records = st.builds(
    KeyRecord,
    id=st.just("key_1"),
    name=st.just("one"),
    kind=st.sampled_from(list(Kind)),
    permissions=st.frozensets(st.sampled_from(list(Permission)), min_size=1),
    project_id=st.sampled_from(["proj_1", "proj_2"]),
    account_id=st.sampled_from(["acct_1", "acct_2"]),
    user_id=st.sampled_from(["", "user_1", "user_2"]),
    models=several(names),
    endpoints=several(paths),
    ip=several(networks),
    origins=several(origins),
    locations=st.none() | st.frozensets(st.sampled_from(sorted(PLACES)), min_size=1),
    expires_at=times,
    not_before=times,
    limits=st.just(()) | st.lists(bounds, max_size=2).map(tuple),
).map(lambda key: structs.replace(key, node_wide=key.account_id == "acct_1"))


BASE = KeyRecord(
    "key_1",
    "one",
    Kind.SECRET,
    frozenset(Permission),
    project_id="proj_1",
    account_id="acct_1",
    node_wide=True,
)
RESTRICTIONS = (
    "kind",
    "permissions",
    "models",
    "endpoints",
    "ip",
    "origins",
    "locations",
    "expires_at",
    "not_before",
    "limits",
)


@st.composite
def related(draw: st.DrawFn) -> tuple[KeyRecord, KeyRecord]:
    """Two keys restricted in the same one or two members: strangers are hardly ever comparable, or let in."""
    members = draw(st.lists(st.sampled_from(RESTRICTIONS), min_size=1, max_size=2, unique=True))
    one, other = (
        structs.replace(BASE, **{member: getattr(drawn, member) for member in members})
        for drawn in (draw(records), draw(records))
    )
    return one, other


requests = st.builds(
    Facts,
    needs=st.sampled_from(list(Permission)),
    path=st.sampled_from(["/v1/chat", "/v1/chat/x", "/v1/images/y", "/mj/z"]),
    address=st.sampled_from(["10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::1", "::ffff:10.1.2.3", "?"]),
    place=st.sampled_from(sorted(PLACES)),
    origin=st.sampled_from(
        ["", "https://a.b.c", "https://x.a.b.c", "http://a.b.c", "https://z.b.c", "https://*.b.c"]
    ),
)
models = st.sampled_from(["gpt-4", "gpt-4-mini", "gpt-mini", "claude", "a", "aa", "gi", "*"])


@given(records)
def test_no_key_is_stronger_than_itself(key: KeyRecord) -> None:
    """Otherwise a key could not replace itself."""
    assert too_strong(key, key, NOON) is None


@given(records, records, records)
def test_a_chain_of_keys_never_grows_stronger(first: KeyRecord, second: KeyRecord, third: KeyRecord) -> None:
    """A key made by a key that was made by a key is bounded by the first."""
    chain = too_strong(second, first, NOON) is None and too_strong(third, second, NOON) is None

    assert not chain or too_strong(third, first, NOON) is None


@settings(max_examples=1_000)
@given(related(), requests, models, st.sampled_from([NOON, NOON + 1.5, NOON + 2.5, NOON + 9]))
def test_what_a_key_makes_can_do_nothing_that_it_can_not_do_itself(
    keys: tuple[KeyRecord, KeyRecord], facts: Facts, model: str, at: float
) -> None:
    """Compared with the decision on concrete requests, which knows nothing of the comparison.

    A management key hands on the right to call models, which it has by issuing keys.
    """
    parent, child = keys
    caller = structs.replace(parent, kind=Kind.SECRET) if parent.kind is Kind.MANAGEMENT else parent
    admitted = decide(child, facts, at) is None and refused_by_model(child, model) is None

    bounded = too_strong(child, parent, NOON) is None

    if admitted and bounded:
        assert decide(caller, facts, at) is None
        assert refused_by_model(caller, model) is None


@given(records, records, st.sampled_from(["acct_1", "acct_2"]), st.sampled_from(["proj_1", "proj_2"]))
def test_what_a_key_makes_reaches_no_further(
    parent: KeyRecord, child: KeyRecord, account_id: str, project_id: str
) -> None:
    """Neither into another project nor into another account."""
    if too_strong(child, parent, NOON) is None:
        reached = Principal("c", key=child).reaches(account_id, project_id)
        assert not reached or Principal("p", key=parent).reaches(account_id, project_id)
