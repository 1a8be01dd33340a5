"""However the bytes of a request arrive, the same comes out."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

from support.request_cases import CASES, Case, facts, fed


def _cut(data: bytes, places: set[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_cut_in_two_anywhere_reads_the_same(case: Case) -> None:
    """TCP cuts where it likes."""
    whole = facts(fed(case.data))

    different = [
        place
        for place in range(1, len(case.data), 1 if len(case.data) < 600 else 7)
        if facts(fed(case.data[:place], case.data[place:])) != whole
    ]

    assert different == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_byte_by_byte_reads_the_same(case: Case) -> None:
    """So does the slowest of clients."""
    single = [case.data[place : place + 1] for place in range(len(case.data))]

    assert facts(fed(*single)) == facts(fed(case.data))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    cases=st.lists(st.sampled_from([case for case in CASES if case.reason is None]), min_size=1, max_size=3),
    last=st.sampled_from(CASES),
    places=st.sets(st.integers(0, 1 << 20), max_size=12),
)
def test_pipelined_requests_cut_anywhere_read_the_same(
    cases: list[Case], last: Case, places: set[int]
) -> None:
    """One request's end must not spill into the next."""
    data = b"".join(case.data for case in (*cases, last))

    assert facts(fed(*_cut(data, places))) == facts(fed(data))
