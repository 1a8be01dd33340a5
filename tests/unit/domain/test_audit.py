"""The chain of the audit log."""

import msgspec
import pytest

from keyturn.domain.audit import FIRST, Damage, Entry, Problem, Walk, canonical, chained


def chain(length: int, *, first: int = 1, previous: bytes = FIRST) -> list[Entry]:
    """Return entries that hang together."""
    found = []
    for seq in range(first, first + length):
        fields = (seq, seq * 10, "operator", "", f"req_{seq}", "key.edit", f"key_{seq}", "null", "{}")
        found.append(Entry(*fields, previous, chained(previous, fields)))
        previous = found[-1].hash
    return found


def walked(entries: list[Entry], noted: dict[int, bytes] | None = None) -> Problem | None:
    """Return the first thing that is wrong."""
    walk = Walk(noted)
    for entry in entries:
        problem = walk.step(entry)
        if problem is not None:
            return problem
    return walk.end()


def test_an_untouched_chain_is_followed_to_its_end() -> None:
    """No false alarm, with checkpoints and without."""
    entries = chain(5)
    walk = Walk({3: entries[2].hash, 5: entries[4].hash})

    problems = [walk.step(entry) for entry in entries]

    assert problems == [None] * 5
    assert (walk.end(), walk.count, walk.last) == (None, 5, entries[4].hash)


@pytest.mark.parametrize(
    "name", ["at", "actor", "address", "request_id", "action", "target", "before", "after"]
)
def test_a_change_of_any_field_is_seen_where_it_is(name: str) -> None:
    """An auditor must know which entry not to believe."""
    entries = chain(5)
    entries[2] = msgspec.structs.replace(entries[2], **{name: 1 if name == "at" else "forged"})

    problem = walked(entries)

    assert problem is not None
    assert (problem.seq, problem.damage) == (3, Damage.CHANGED)


def test_an_entry_that_was_written_anew_is_seen_by_the_next() -> None:
    """Its own hash is right, but the one after it remembers the old one."""
    entries = chain(5)
    entries[2] = chain(1, first=3, previous=b"x" * 32)[0]
    forged = msgspec.structs.replace(entries[2], previous=entries[1].hash)
    entries[2] = msgspec.structs.replace(forged, actor="x")
    entries[2] = msgspec.structs.replace(entries[2], hash=entries[2].hash_as(3))

    problem = walked(entries)

    assert problem is not None
    assert (problem.seq, problem.damage) == (4, Damage.CHANGED)


def test_a_hole_is_named() -> None:
    """Also one of several entries, and one at the beginning."""
    entries = chain(6)

    problems = [walked(entries[:2] + entries[3:]), walked(entries[:2] + entries[4:]), walked(entries[1:])]

    assert [(one.seq, one.damage) for one in problems if one] == [
        (3, Damage.MISSING),
        (3, Damage.MISSING),
        (1, Damage.MISSING),
    ]
    assert [one.text for one in problems if one][:2] == ["entry 3 is missing", "entries 3 to 4 are missing"]


def test_entries_that_changed_places_are_seen() -> None:
    """Whoever swaps the numbers of two rows changes when things seem to have happened."""
    entries = chain(6)
    swapped = [
        *entries[:2],
        msgspec.structs.replace(entries[4], seq=3),
        entries[3],
        msgspec.structs.replace(entries[2], seq=5),
        entries[5],
    ]

    problem = walked(swapped)

    assert problem == Problem(
        3, Damage.REORDERED, "in place of entry 3 stands the one that was written as number 5"
    )


def test_an_entry_before_the_first_is_seen() -> None:
    """A number that no entry ever has."""
    problem = walked(chain(1, first=0))

    assert problem is not None
    assert (problem.seq, problem.damage) == (0, Damage.CHANGED)


def test_a_cut_end_is_seen_by_a_checkpoint_only() -> None:
    """What is left hangs together."""
    entries = chain(6)

    problem = walked(entries[:4], {2: entries[1].hash, 6: entries[5].hash})

    assert walked(entries[:4]) is None
    assert problem is not None
    assert (problem.seq, problem.damage) == (5, Damage.CUT_OFF)


def test_a_chain_that_was_written_anew_is_seen_by_a_checkpoint() -> None:
    """Somebody with the database can forge a whole chain, but not one with the same hash."""
    entries = chain(6)
    anew = chain(3, first=4, previous=chain(3)[2].hash)
    anew[0] = msgspec.structs.replace(anew[0], actor="forged")
    anew[0] = msgspec.structs.replace(anew[0], hash=anew[0].hash_as(4))
    for index in (1, 2):
        anew[index] = msgspec.structs.replace(anew[index], previous=anew[index - 1].hash)
        anew[index] = msgspec.structs.replace(anew[index], hash=anew[index].hash_as(anew[index].seq))
    forged = [*entries[:3], *anew]

    problem = walked(forged, {6: entries[5].hash})

    assert walked(forged) is None
    assert problem is not None
    assert (problem.seq, problem.damage) == (6, Damage.CHANGED)


def test_facts_have_one_form() -> None:
    """Otherwise the hash would depend on the order in which a program happened to name things."""
    assert canonical({"b": 1, "a": {"d": None, "c": "é"}}) == '{"a":{"c":"é","d":null},"b":1}'
    assert canonical(None) == "null"
