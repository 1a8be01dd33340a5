"""The supervisor with real children that behave, and with some that don't."""

import asyncio
import os
import resource
import signal
import socket
from pathlib import Path

import pytest

from fakes.running_node import RunningNode, StartNode


async def ask(port: int) -> int:
    """Connect anew and return the id of the process that answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"who\n")
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(line)


def worker_pids(node: RunningNode) -> set[int]:
    """Return the ids of all workers that have ever begun."""
    return {event["pid"] for event in node.said("began") if event["process"].startswith("worker")}


async def test_a_node_is_up_when_every_process_is_ready(start_node: StartNode) -> None:
    """An operator who reads "ready" must not meet a refused connection a moment later."""
    node = await start_node(workers=2)

    port = await node.port()
    answered = await ask(port)

    assert {event["process"] for event in node.said("ready")} == {"control", "demo", "worker 1", "worker 2"}
    assert node.said("started")[0]["first_key"] == "sk-first"
    assert answered in worker_pids(node)


async def test_only_the_control_process_gets_the_providers_credentials(start_node: StartNode) -> None:
    """A worker that is broken into must not hold what it does not need."""
    node = await start_node()

    await node.port()

    keys = {event["process"]: event["keys"] for event in node.said("began")}
    assert keys.pop("control") == {"openai": "sk-provider"}
    assert all(held == {} for held in keys.values())


async def test_only_the_control_process_is_told_the_pepper(start_node: StartNode) -> None:
    """Whoever breaks into a worker could otherwise make keys."""
    node = await start_node()

    await node.port()

    told = {event["process"]: event["pepper"] for event in node.said("began")}
    assert told.pop("control") == "pepper"
    assert set(told.values()) == {""}


async def test_every_process_may_open_as_many_files_as_the_machine_allows(start_node: StartNode) -> None:
    """The soft limit of a login shell is 1,024, which is 500 proxied requests."""
    node = await start_node()

    await node.port()

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert {event["files"] for event in node.said("began")} == {hard}


async def test_a_second_node_on_the_same_data_directory_is_refused(start_node: StartNode) -> None:
    """Two writers of one database and one set of journals would corrupt the usage."""
    first = await start_node()
    await first.port()

    second = await start_node()
    status = await second.exit_status()

    assert status == 1
    assert f"process {first.process.pid}" in second.said("failed")[0]["reason"]
    assert not second.said("starting")


async def test_a_taken_port_is_named_before_anything_is_started(start_node: StartNode) -> None:
    """The most frequent failure of a first start deserves a line that says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        node = await start_node(port=port)
        status = await node.exit_status()

    assert status == 1
    assert node.said("failed")[0]["reason"].startswith(f"port {port} on 127.0.0.1 is taken")
    assert not node.said("starting")


async def test_a_process_that_cannot_start_ends_the_node_with_its_reason(start_node: StartNode) -> None:
    """A node without its control process looks alive and can admit nobody."""
    node = await start_node(control="fails")

    status = await node.exit_status()

    assert status == 1
    assert node.said("failed")[0]["reason"] == "control could not start: exit status 3"
    assert "control has no pepper\n" in node.errors


async def test_a_program_that_is_missing_ends_the_node(start_node: StartNode) -> None:
    """A broken installation is said so, not tried again forever."""
    node = await start_node(worker="missing")

    status = await node.exit_status()

    assert status == 1
    assert node.said("failed")[0]["reason"].endswith("could not start: No such file or directory")


async def test_a_process_that_gives_up_its_pipe_is_not_waited_for(start_node: StartNode) -> None:
    """It can never be ready any more, so it is as good as dead."""
    node = await start_node(demo="mute")

    status = await node.exit_status()

    assert status == 1
    assert node.said("failed")[0]["reason"] == "demo could not start: killed by SIGKILL"


async def test_a_killed_worker_is_replaced_while_the_others_serve(start_node: StartNode) -> None:
    """A crash costs the requests in that worker, never the service."""
    node = await start_node(workers=2)
    port = await node.port()
    victim = await ask(port)

    os.kill(victim, signal.SIGKILL)
    await node.until(lambda: len(worker_pids(node)) == 3)

    assert await ask(port) in worker_pids(node) - {victim}
    log = node.logged("process ended unexpectedly")[0]
    assert (log["pid"], log["ended"], log["restart_in_s"]) == (victim, "killed by SIGKILL", 0.1)


async def test_a_process_that_keeps_crashing_is_started_ever_less_often(start_node: StartNode) -> None:
    """A crash loop must not eat the machine that the other processes serve from."""
    node = await start_node(worker="crashes", workers=1)

    await node.until(lambda: len(node.logged("process ended unexpectedly")) >= 4)

    waits = [line["restart_in_s"] for line in node.logged("process ended unexpectedly")]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]


async def test_a_reload_replaces_every_process_and_refuses_no_connection(start_node: StartNode) -> None:
    """An upgrade at noon must not be seen by anybody."""
    node = await start_node(workers=2)
    port = await node.port()
    before = {event["pid"] for event in node.said("began") if event["process"] != "demo"}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"who\n")
    held_by = int(await reader.readline())

    node.signal(signal.SIGHUP)
    answers = set()
    while not node.logged("reloaded"):
        answers.add(await ask(port))
    writer.write(b"still there?\n")
    still = int(await reader.readline())
    writer.close()
    await node.until(lambda: len(node.said("began", process="control")) == 2)

    after = {event["pid"] for event in node.said("began")[-3:]}
    assert not before & after
    assert answers <= worker_pids(node)
    assert await ask(port) in after
    assert still == held_by, "a connection stays with its worker until it ends"


async def test_a_reload_reads_the_settings_again(start_node: StartNode) -> None:
    """What is edited in keyturn.toml takes effect without a restart."""
    node = await start_node(workers=1)
    await node.port()

    node.signal(signal.SIGHUP)
    await node.until(lambda: len(node.said("began", process="control")) == 2)

    assert node.said("began", process="worker 1")[-1]["level"] == "debug"


async def test_a_reload_with_unusable_settings_changes_nothing(start_node: StartNode, tmp_path: Path) -> None:
    """A typo in a settings file must not take a running node down."""
    node = await start_node(workers=1)
    port = await node.port()
    (tmp_path / "data/bad-settings").touch()

    node.signal(signal.SIGHUP)
    await node.until(lambda: node.logged("the settings can't be used; everything goes on as it was"))

    assert {await ask(port)} == worker_pids(node)


async def test_a_replacement_that_cannot_start_leaves_the_old_worker_at_work(
    start_node: StartNode, tmp_path: Path
) -> None:
    """A broken upgrade is noticed by the log, not by the clients."""
    node = await start_node(workers=2, worker="moody")
    port = await node.port()
    before = worker_pids(node)
    (tmp_path / "data/broken").touch()

    node.signal(signal.SIGHUP)
    await node.until(lambda: node.logged("the replacement did not become ready; the old one goes on"))

    assert await ask(port) in before
    assert not node.said("told to retire")


async def test_workers_end_before_what_they_stand_on(start_node: StartNode) -> None:
    """A request in flight still needs the upstream and the control process."""
    node = await start_node(workers=2, drain_s=10)
    await node.port()

    node.signal(signal.SIGTERM)
    status = await node.exit_status()

    assert status == 0
    told = [event["role"] for event in node.said("told to end")]
    assert told[:2] == ["worker", "worker"]
    assert sorted(told[2:]) == ["control", "demo"]


async def test_a_process_that_does_not_end_is_killed_in_time(start_node: StartNode) -> None:
    """A service manager waits for five seconds and so does a person."""
    node = await start_node(workers=1, drain_s=0.2, worker="stubborn")
    await node.port()
    loop = asyncio.get_running_loop()

    asked_at = loop.time()
    node.signal(signal.SIGTERM)
    status = await node.exit_status()

    assert status == 0
    assert loop.time() - asked_at < 0.2 + 1.5
    assert node.logged("killed before it had ended by itself")[0]["child"] == "worker 1"


async def test_a_second_ctrl_c_ends_at_once(start_node: StartNode) -> None:
    """Somebody who presses it twice does not want to wait for the drain."""
    node = await start_node(workers=1, drain_s=3600, worker="stubborn")
    await node.port()

    node.signal(signal.SIGINT)
    await node.until(lambda: node.said("told to end"))
    node.signal(signal.SIGINT)
    status = await node.exit_status()

    assert status == 0


async def test_ctrl_c_on_a_terminal_reaches_the_supervisor_alone(start_node: StartNode) -> None:
    """A terminal signals the whole group; children that heard it too would end in any order."""
    node = await start_node(workers=2, drain_s=10)
    await node.port()

    os.killpg(node.process.pid, signal.SIGINT)
    status = await node.exit_status()

    assert status == 0
    assert [event["role"] for event in node.said("told to end")][:2] == ["worker", "worker"]
    assert not [line for line in node.errors if "KeyboardInterrupt" in line]


async def test_ctrl_c_during_the_start_ends_it(start_node: StartNode) -> None:
    """A start that was a mistake can be taken back."""
    node = await start_node(workers=2)
    await node.until(lambda: node.said("starting"))

    node.signal(signal.SIGINT)
    status = await node.exit_status()

    assert status == 0


async def test_children_end_when_their_supervisor_is_killed_and_a_new_one_takes_over(
    start_node: StartNode,
) -> None:
    """After the worst has happened, `keyturn serve` simply works, and never beside the old processes."""
    first = await start_node(workers=2)
    await first.port()

    first.process.kill()
    second = await start_node(workers=1, drain_s=10)
    await second.until(lambda: second.said("starting"))
    gone_before = sorted(event["role"] for event in first.said("orphaned"))
    await second.port()

    assert gone_before == ["control", "demo", "worker", "worker"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_nothing_is_left_behind(start_node: StartNode, tmp_path: Path, number: signal.Signals) -> None:
    """A port or a process that stays is what makes the next start fail."""
    node = await start_node(workers=2)
    port = await node.port()

    node.signal(number)
    await node.exit_status()

    for event in node.said("began"):
        with pytest.raises(ProcessLookupError):
            os.kill(event["pid"], 0)
    with socket.create_server(("127.0.0.1", port)):
        pass
    assert (tmp_path / "data/run/supervisor.pid").read_text() == ""
