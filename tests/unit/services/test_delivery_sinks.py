"""New secrets in files."""

import os
from pathlib import Path

import pytest

from keyturn.domain.secret import Secret
from keyturn.services.delivery_sinks import LONGEST_FILE, SinkError, Sinks

SECRET = Secret("sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that keys may be written to."""
    found = tmp_path / "allowed"
    found.mkdir()
    return found


@pytest.fixture
def sinks(folder: Path) -> Sinks:
    """What may be written to ``folder``."""
    return Sinks([str(folder)])


def write(sinks: Sinks, sink: object) -> None:
    """Write the secret."""
    staged = sinks.stage(str(sink), SECRET)
    staged.publish()
    staged.discard()


def test_a_file_holds_the_secret_alone_and_is_its_owners(sinks: Sinks, folder: Path) -> None:
    """`cat` must be all it takes to read it, and nobody else may."""
    before = os.umask(0)
    try:
        write(sinks, folder / "key")
    finally:
        os.umask(before)

    assert (folder / "key").read_text() == f"{SECRET.reveal()}\n"
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("sink", "before", "after"),
    [
        (".env", None, "KEYTURN_API_KEY={}\n"),
        (".env", "A=1\n", "A=1\nKEYTURN_API_KEY={}\n"),
        (".env", "A=1", "A=1\nKEYTURN_API_KEY={}\n"),
        ("prod.env", "A=1\nKEYTURN_API_KEY=old\n# note\nB=2\n", "A=1\nKEYTURN_API_KEY={}\n# note\nB=2\n"),
        (".env#OPENAI_API_KEY", "OPENAI_API_KEY_2=x\n", "OPENAI_API_KEY_2=x\nOPENAI_API_KEY={}\n"),
        (".env#K", "export K='old value'\nA=1\n", "export K={}\nA=1\n"),
        (".env#K", "#K=old\n K = old\nK=again\n", "#K=old\nK={}\n"),
        ("settings#K", "A=1\n", "A=1\nK={}\n"),
        (".env#K", "A=ü\n", "A=ü\nK={}\n"),
    ],
)
def test_one_variable_is_replaced_and_the_others_stay(
    sinks: Sinks, folder: Path, sink: str, before: str | None, after: str
) -> None:
    """An .env file belongs to its application; only one line of it is ours."""
    path = folder / sink.partition("#")[0]
    if before is not None:
        path.write_text(before)

    write(sinks, folder / sink)

    assert path.read_text() == after.format(SECRET.reveal())


def test_a_reader_sees_the_old_file_or_the_new_one(sinks: Sinks, folder: Path) -> None:
    """A program that starts in between must not find half a key."""
    path = folder / ".env"
    path.write_text("A=1\n")
    staged = sinks.stage(str(path), SECRET)

    before = path.read_text()
    staged.publish()

    assert before == "A=1\n"
    assert SECRET.reveal() in path.read_text()


def test_what_is_not_published_leaves_nothing_behind(sinks: Sinks, folder: Path) -> None:
    """A secret in a file that nobody knows of is a leak."""
    staged = sinks.stage(str(folder / "key"), SECRET)

    staged.discard()

    assert list(folder.iterdir()) == []


def test_what_a_crash_left_is_cleared_away(sinks: Sinks, folder: Path) -> None:
    """It holds a secret, too."""
    sinks.stage(str(folder / "key"), SECRET)
    left = [path.name for path in folder.iterdir()]
    (folder / ".other.123.new").touch()

    write(sinks, folder / "key")

    assert len(left) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".other.123.new", "key"]


def test_without_a_folder_nothing_is_written(folder: Path) -> None:
    """Off unless the operator says where."""
    with pytest.raises(SinkError, match=r"rotation\.sinks names no folder"):
        Sinks([]).stage(str(folder / "key"), SECRET)


@pytest.mark.parametrize(
    "sink",
    [
        "/etc/keyturn-key",
        "{folder}/../key",
        "{folder}-beside/key",
        "{folder}/away/key",
        "{folder}/missing/key",
        "{folder}",
        "{folder}/inner",
        "allowed/key",
        "",
        "{folder}/.env#1K",
        "{folder}/.env#K\nX=1",
        "{folder}/key\n",
    ],
)
def test_a_place_outside_or_a_name_that_is_none_is_refused(
    sinks: Sinks, folder: Path, monkeypatch: pytest.MonkeyPatch, sink: str
) -> None:
    """Whoever may edit a key must not be able to write anywhere else, nor a line of their own."""
    outside = folder.with_name("allowed-beside")
    outside.mkdir()
    (folder / "inner").mkdir()
    (folder / "away").symlink_to(outside)
    monkeypatch.chdir(folder.parent)
    place = sink.format(folder=folder)

    problem = sinks.problem_with(place)

    assert problem is not None
    with pytest.raises(SinkError):
        sinks.stage(place, SECRET)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_files_place_is_replaced_and_not_followed(sinks: Sinks, folder: Path) -> None:
    """It may have been laid there to have something else overwritten."""
    other = folder.parent / "other"
    other.write_text("untouched")
    (folder / "key").symlink_to(other)

    write(sinks, folder / "key")

    assert other.read_text() == "untouched"
    assert not (folder / "key").is_symlink()


def test_what_is_no_list_of_variables_is_left_alone(sinks: Sinks, folder: Path) -> None:
    """Reading it would take the memory of the node, writing it would spoil it."""
    (folder / "large.env").write_bytes(b"A" * (LONGEST_FILE + 1))
    (folder / "binary.env").write_bytes(b"\xff\xfe")
    (folder / "link.env").symlink_to(folder / "binary.env")

    for name in ("large.env", "binary.env", "link.env"):
        with pytest.raises(SinkError, match=name):
            sinks.stage(str(folder / name), SECRET)

    assert len(list(folder.iterdir())) == 3


def test_a_file_that_can_not_be_replaced_stays(sinks: Sinks, folder: Path) -> None:
    """A folder was put in its place after the secret was written beside it."""
    staged = sinks.stage(str(folder / "key"), SECRET)
    (folder / "key").mkdir()
    (folder / "key" / "x").touch()

    with pytest.raises(SinkError, match="can't be replaced"):
        staged.publish()
    staged.discard()

    assert [path.name for path in folder.iterdir()] == ["key"]
