"""Faults."""

from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason


def test_a_fault_tells_the_caller_the_reason_and_the_operator_the_detail() -> None:
    """The detail may name machines; the caller never sees it."""
    fault = Fault(Reason.JOURNAL_UNAVAILABLE, "disk full on node 7")

    assert fault.reason is Reason.JOURNAL_UNAVAILABLE
    assert str(fault) == fault.detail == "disk full on node 7"
