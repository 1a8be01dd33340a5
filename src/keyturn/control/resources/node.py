"""``/api/v1/node``: how this node is doing."""

import os
from typing import Annotated

import msgspec
from litestar import Router, get

from keyturn import __version__, bus, system
from keyturn.config.data_directory import DataDirectory
from keyturn.config.reference import table
from keyturn.control.journal_files import living_workers, pid_of
from keyturn.control.management import Managed, Management
from keyturn.control.wire import Answer, Moment, moment, refusals
from keyturn.store.migrations import HEAD
from keyturn.store.vault import open_to_others


class ControlObject(msgspec.Struct):
    """The control process."""

    pid: int
    resident_bytes: int
    look_ups: Annotated[
        int, msgspec.Meta(description="Secrets that workers did not know and asked about, since it started.")
    ]


class WorkerObject(msgspec.Struct):
    """A gateway worker."""

    name: str
    pid: int
    connected: Annotated[bool, msgspec.Meta(description="To the control process.")]
    confirmed_sequence: Annotated[
        int, msgspec.Meta(description="The last change it has confirmed; 0 for none.")
    ]
    requests: Annotated[int, msgspec.Meta(description="Answered since it started.")]
    open_connections: int
    resident_bytes: int
    journal_bytes_behind: Annotated[int, msgspec.Meta(description="Written and not yet stored.")]


class NodeUpstream(msgspec.Struct):
    """An upstream and how many models go there."""

    name: str
    base_url: str
    models: int


class DatabaseObject(msgspec.Struct):
    """The database."""

    path: str
    revision: Annotated[str, msgspec.Meta(examples=[HEAD])]


class SettingObject(msgspec.Struct):
    """A setting as this node runs with it."""

    path: Annotated[str, msgspec.Meta(examples=["server.port"])]
    value: Annotated[str, msgspec.Meta(description="Secrets are redacted.")]
    origin: Annotated[str, msgspec.Meta(examples=["default", "keyturn.toml:12", "flag --port"])]


class NodeObject(msgspec.Struct):
    """This node."""

    version: str
    started_at: Moment
    control: ControlObject
    workers: list[WorkerObject]
    upstreams: list[NodeUpstream]
    database: DatabaseObject
    settings: list[SettingObject]
    problems: Annotated[
        list[str], msgspec.Meta(description="What is wrong, for people; empty when nothing is.")
    ]


@get("/", summary="Show the node", responses=refusals())
async def show_node(management: Managed) -> Answer[NodeObject]:
    """Its processes, its upstreams, and what is wrong."""
    upstreams = await management.upstreams.everything()
    workers = workers_of(management)
    node = NodeObject(
        version=__version__,
        started_at=moment(int(management.started_at * 1000)),
        control=ControlObject(os.getpid(), system.resident_bytes(os.getpid()), management.bus.look_ups),
        workers=workers,
        upstreams=[NodeUpstream(one.stored.name, one.stored.base_url, len(one.models)) for one in upstreams],
        database=DatabaseObject(str(management.store.path), HEAD),
        settings=[SettingObject(*row) for row in table(management.settings, management.live.origins)],
        problems=problems_with(management, workers, connected=bool(upstreams)),
    )
    return Answer(data=node)


router = Router("/node", tags=["Node"], route_handlers=[show_node])


def problems_of(management: Management) -> list[str]:
    """Return what is wrong with the node, for people; empty when nothing is."""
    return problems_with(management, workers_of(management), connected=True)


def workers_of(management: Management) -> list[WorkerObject]:
    """Return the workers that live, and those that are connected."""
    links = {link.worker: link for link in management.bus.links}
    alive = living_workers(DataDirectory(management.settings.data).journals)
    behind = management.ingest.behind()
    found = []
    for name in sorted(alive | set(links)):
        link = links.get(name)
        pid = link.pid if link is not None else pid_of(name) or 0
        counted = management.bus.counts.of(name)
        found.append(
            WorkerObject(
                name=name,
                pid=pid,
                connected=link is not None,
                confirmed_sequence=max(0, link.confirmed) if link is not None else 0,
                requests=_requests(counted),
                open_connections=int(counted.gauges.get("open_connections", 0)) if counted else 0,
                resident_bytes=system.resident_bytes(pid),
                journal_bytes_behind=behind.get(name, 0),
            )
        )
    return found


def _requests(counted: bus.Counted | None) -> int:
    return sum(count for _, _, count in counted.requests) if counted else 0


def problems_with(management: Management, workers: list[WorkerObject], *, connected: bool) -> list[str]:
    """Return what is wrong, for people; ``connected``: there is an upstream."""
    problems = [
        f"worker {worker.name} is not connected to the control process; it serves what it knew"
        for worker in workers
        if not worker.connected
    ]
    if not workers:
        problems.append("no worker runs; clients are not served")
    if management.ingest.failing:
        problems.append("usage can't be stored (is the disk full?); the workers' journals keep it meanwhile")
    problems += [
        f"the journal {name} holds what this version can't read; start the version that wrote it"
        for name in management.ingest.unreadable
    ]
    problems += management.live.problems
    secrets = DataDirectory(management.settings.data).secrets
    problems += [f"{path} can be read by others; run: chmod 600 {path}" for path in open_to_others(secrets)]
    if not connected:
        problems.append("there is no upstream; `keyturn upstreams add` connects a provider")
    return problems
