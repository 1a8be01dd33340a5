"""Streams of what happens, from the sockets' side."""

from contextlib import ExitStack

from fakes.control_process import ControlProcess
from fakes.people import first_owner
from keyturn.control.dashboard.live import MOST_OF_ONE_SESSION


def test_one_session_holds_so_many_streams_and_no_more(control: ControlProcess) -> None:
    """A page that opens one after the other must not take the control process along."""
    owner = first_owner(control)
    with ExitStack() as open_streams:
        kept = []
        for _ in range(MOST_OF_ONE_SESSION + 1):
            stream = open_streams.enter_context(
                control.relayed.stream("GET", "/dashboard/live", headers=owner.cookie)
            )
            assert stream.status_code == 200
            kept.append(stream.iter_lines())  # what nobody holds is closed
            assert ": welcome" in {next(kept[-1]), next(kept[-1])}

        assert next(line for line in kept[-1] if line.startswith("event:")) == "event: end"
        assert next(line for line in kept[0] if line.startswith("event:")) != "event: end"
