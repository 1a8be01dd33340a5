"""``keyturn audit``: the log as people and auditors see it."""

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from fakes.databases import Databases
from fakes.management_api import ManagementApi, over_tcp
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services import checkpoints
from keyturn.services.audit import note
from keyturn.services.checkpoints import Checkpoint, Signer
from keyturn.store.audit_file import entries_in
from unit.cli.conftest import Run

ENTRY = {
    "seq": 7,
    "at": "2026-11-20T00:00:00Z",
    "actor": "operator",
    "action": "key.edit",
    "target": "key_1",
    "before": {"name": "old", "same": 1, "gone": True},
    "after": {"name": "new", "same": 1, "more": ["a"]},
}


@pytest.fixture
def database(tmp_path: Path, keyturn: Run, databases: Databases) -> Path:
    """A database with five entries, where commands look for it."""
    path = tmp_path / ".keyturn" / "keyturn.db"
    path.parent.mkdir(mode=0o700, exist_ok=True)

    async def write() -> None:
        store = databases.open(path)
        async with store.writing() as connection:
            for number in range(5):
                await note(connection, Principal(OPERATOR), "key.edit", f"key_{number}")
        await store.close()

    asyncio.run(write())
    return path


@pytest.fixture
def exported(database: Path, tmp_path: Path) -> Path:
    """A checkpoint of the fifth entry, kept elsewhere."""
    last = list(entries_in(database))[-1]
    path = tmp_path / "checkpoints.jsonl"
    checkpoints.append(path, Signer(tmp_path / "key").sign(Checkpoint(5, last.hash.hex(), 5, 0)))
    return path


def edit(path: Path, statement: str) -> None:
    """Change a database behind everybody's back."""
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_the_table_shows_what_changed_and_nothing_else(keyturn: Run, node: ManagementApi) -> None:
    """Before and after, member by member."""
    node.data("GET", "/api/v1/audit?target=key_1&limit=50", [ENTRY])

    ran = keyturn("audit", "show", "--target", "key_1")

    words = ran.out.split()
    assert ran.status == 0
    for expected in ("operator", "key.edit", "key_1", "7"):
        assert expected in words
    assert words[words.index("name") :][:4] == ["name", "old", "→", "new"]
    assert {"more", '["a"]', "gone", "true"} <= set(words)
    assert "same" not in words


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """For programs, with hashes and all."""
    node.data("GET", "/api/v1/audit?actor=operator&action=key.edit&limit=2", [ENTRY])

    ran = keyturn("audit", "show", "--actor", "operator", "--action", "key.edit", "--limit", "2", "--json")

    assert json.loads(ran.out) == [ENTRY]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_the_nodes_own_to_the_byte(
    keyturn: Run, node: ManagementApi, tmp_path: Path, form: str
) -> None:
    """Each hash can be worked out again from it; in a file it is nobody else's to read."""
    written = b'7,"{""name"":""old""}"\n' * 50_000
    asked = "target=key_1&actor=operator&action=key.edit&since=2026-11-01T00%3A00%3A00Z&until=2026-11-02T00%3A00%3A00Z"
    node.answers("GET", f"/api/v1/audit/export?format={form}&{asked}", written)
    filters = ("--target", "key_1", "--actor", "operator", "--action", "key.edit")
    wanted = ("audit", "export", "--format", form, *filters, "--since", "2026-11-01", "--until", "2026-11-02")
    file = tmp_path / "audit.txt"
    file.write_text("of last month")

    printed = keyturn(*wanted)
    kept = keyturn(*wanted, "--output", str(file))

    assert printed.out == written.decode()
    assert (kept.status, kept.out, file.read_bytes()) == (0, "", written)
    assert "audit.txt" in kept.err
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_export_that_fails_leaves_what_was_there(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """Half a log would be taken for the log."""
    refused = ("forbidden", "This belongs to the whole node")
    node.refuses("GET", "/api/v1/audit/export?format=csv", 403, *refused)
    file = tmp_path / "audit.csv"
    file.write_text("of last month")

    ran = keyturn("audit", "export", "--output", str(file))

    assert (ran.status, file.read_text()) == (1, "of last month")
    assert "whole node" in ran.err
    assert [one.name for one in tmp_path.iterdir() if "audit" in one.name] == ["audit.csv"]


@pytest.mark.parametrize("place", [".", "missing/audit.csv", "file/audit.csv"])
def test_an_export_says_where_it_can_not_be_written(
    keyturn: Run, node: ManagementApi, tmp_path: Path, place: str
) -> None:
    """In one line, and before the node is asked."""
    (tmp_path / "file").touch()

    ran = keyturn("audit", "export", "--output", place)

    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
    assert place in ran.err
    assert node.asked == []


def test_since_is_a_span_or_a_date(keyturn: Run, node: ManagementApi) -> None:
    """Nobody types RFC 3339 by hand."""
    node.data("GET", "/api/v1/audit?since=2026-11-19T23%3A00%3A00Z&limit=50", [])

    dated = keyturn("audit", "show", "--since", "2026-11-20T00:00:00+01:00")
    keyturn("audit", "show", "--since", "24h")
    wrong = keyturn("audit", "show", "--since", "yesterday")

    assert dated.status == 0
    assert "since=20" in node.asked[1].path
    assert (wrong.status, len(node.asked)) == (1, 2)


def test_a_log_is_verified_without_a_node(keyturn: Run, database: Path) -> None:
    """An auditor must not have to believe the program that wrote it; and hears what this does not show."""
    ran = keyturn("audit", "verify")

    assert ran.status == 0
    assert "5 entries, each as it was written" in ran.out
    assert "a forged log may pass" in ran.err


def test_the_nodes_own_checkpoint_counts_where_it_stands(
    keyturn: Run, database: Path, exported: Path
) -> None:
    """Whoever cuts the log and forgets that file is caught without anything from outside."""
    shutil.copy(exported, database.with_name("audit-checkpoints.jsonl"))
    edit(database, "DELETE FROM audit WHERE seq=5")

    ran = keyturn("audit", "verify")

    assert ran.status == 1
    assert "the end was cut off" in ran.err


def test_a_copy_is_verified_wherever_it_is(keyturn: Run, database: Path, tmp_path: Path) -> None:
    """Auditors get a file; nothing is written beside it."""
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(database, folder / "other.db")
    (folder / "other.db").chmod(0o444)

    ran = keyturn("audit", "verify", "--database", str(folder / "other.db"), "--json")

    verdict = json.loads(ran.out)
    assert (ran.status, verdict["intact"], verdict["count"]) == (0, True, 5)
    assert [path.name for path in folder.iterdir()] == ["other.db"]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET actor='nobody' WHERE seq=3", ("changed", 3)),
        ("DELETE FROM audit WHERE seq=3", ("missing", 3)),
        ("DELETE FROM audit WHERE seq=5", ("cut_off", 5)),
    ],
)
def test_what_was_touched_is_named(
    keyturn: Run, database: Path, exported: Path, statement: str, problem: tuple[str, int]
) -> None:
    """With status 1, so that a nightly job can tell."""
    edit(database, statement)

    ran = keyturn("audit", "verify", "--checkpoint", str(exported), "--json")

    assert ran.status == 1
    found = json.loads(ran.out)["problem"]
    assert (found["damage"], found["seq"]) == problem
    assert "the audit log was touched" in ran.err


def test_a_checkpoint_must_be_signed_by_whom_the_auditor_knows(
    keyturn: Run, database: Path, exported: Path, tmp_path: Path
) -> None:
    """Whoever forges the log can forge a checkpoint with a key of their own."""
    other = Signer(tmp_path / "other").public_key
    own = Signer(tmp_path / "key").public_key

    refused = keyturn("audit", "verify", "--checkpoint", str(exported), "--public-key", other)
    accepted = keyturn("audit", "verify", "--checkpoint", str(exported), "--public-key", own)

    assert (refused.status, accepted.status) == (1, 0)
    assert "signed with another key" in refused.err
    assert "as a checkpoint saw it" in accepted.out


@pytest.mark.parametrize("name", ["--checkpoint", "--database"])
def test_a_file_that_is_not_there_is_a_failure(keyturn: Run, database: Path, name: str) -> None:
    """It must not pass for a log that is intact."""
    ran = keyturn("audit", "verify", name, "nowhere")

    assert (ran.status, ran.out) == (1, "")


def test_a_distant_node_is_asked_about_the_furthest_checkpoint(keyturn: Run, exported: Path) -> None:
    """The next best thing for whoever has no file."""
    seen = msgspec.json.decode(exported.read_bytes(), type=Checkpoint)
    verdict = {"intact": True, "count": 9, "hash": "ab" * 32, "problem": None}
    with over_tcp() as (node, url):
        node.data("GET", f"/api/v1/audit/verify?seq=5&hash={seen.hash}", verdict)

        ran = keyturn("audit", "verify", "--checkpoint", str(exported), "--url", url, "--key", "ak-x")

    assert ran.status == 0
    assert "9 entries" in ran.out


def test_a_checkpoint_is_printed_or_added_to_a_file(
    keyturn: Run, node: ManagementApi, tmp_path: Path
) -> None:
    """One line each: the file grows with every call."""
    made = Signer(tmp_path / "key").sign(Checkpoint(9, "ab" * 32, 9, 0))
    node.data("POST", "/api/v1/audit/checkpoint", msgspec.to_builtins(made))
    node.data("GET", "/api/v1/audit/checkpoint", {"public_key": made.public_key, "newest": None})

    printed = keyturn("audit", "checkpoint")
    for _ in range(2):
        assert keyturn("audit", "checkpoint", "--out", "kept.jsonl").status == 0
    public_key = keyturn("audit", "checkpoint", "--public-key")

    assert checkpoints.read([printed.out.encode()]) == [made]
    assert checkpoints.read((tmp_path / "kept.jsonl").read_bytes().splitlines()) == [made, made]
    assert public_key.out == f"{made.public_key}\n"
