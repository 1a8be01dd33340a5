"""Checkpoints of the audit log."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keyturn.services.checkpoints import Checkpoint, CheckpointError, Signer, append, newest, read

SEEN = Checkpoint(17, "ab" * 32, 17, 1_790_000_000_000)


def lines(*checkpoints: Checkpoint) -> list[bytes]:
    """Return an exported file's lines."""
    return [msgspec.json.encode(one) for one in checkpoints]


def test_a_checkpoint_is_checked_with_the_public_key_alone(tmp_path: Path) -> None:
    """An auditor can do it with any program that knows Ed25519; the message is five lines of text."""
    signer = Signer(tmp_path / "key")

    signed = signer.sign(SEEN)

    message = f"keyturn audit checkpoint\n17\n{'ab' * 32}\n17\n1790000000000\n".encode()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public_key))
    key.verify(bytes.fromhex(signed.signature), message)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert Signer(tmp_path / "key").public_key == signer.public_key == signed.public_key


@pytest.mark.parametrize("name", ["seq", "hash", "count", "at", "signature"])
def test_a_changed_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    """It would excuse a changed log."""
    signed = Signer(tmp_path / "key").sign(SEEN)
    other: object = {"hash": "cd" * 32, "signature": "00" * 64}.get(name, 5)

    with pytest.raises(CheckpointError, match="line 2 is wrong"):
        read(lines(signed, msgspec.structs.replace(signed, **{name: other})))


def test_a_checkpoint_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Anybody can sign something with a key of their own."""
    ours, others = Signer(tmp_path / "ours"), Signer(tmp_path / "others")

    with pytest.raises(CheckpointError, match="line 1 is signed with another key"):
        read(lines(others.sign(SEEN)), public_key=ours.public_key)
    with pytest.raises(CheckpointError, match="line 2 is signed with another key"):
        read(lines(ours.sign(SEEN), others.sign(SEEN)))


@pytest.mark.parametrize("text", [b"", b"\n\n"])
def test_a_file_without_checkpoints_is_refused(text: bytes) -> None:
    """It would prove nothing, and say that all is well."""
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read(text.splitlines())


def test_a_line_that_is_none_is_refused(tmp_path: Path) -> None:
    """As above."""
    with pytest.raises(CheckpointError, match="line 2 is not a checkpoint"):
        read([*lines(Signer(tmp_path / "key").sign(SEEN)), b'{"seq": "x"}'])


def test_the_newest_is_the_last_whole_line(tmp_path: Path) -> None:
    """A machine that stopped in the middle of a line must not cost the checkpoints before and after."""
    path, signer = tmp_path / "checkpoints", Signer(tmp_path / "key")
    first, second = signer.sign(SEEN), signer.sign(msgspec.structs.replace(SEEN, seq=18, count=18))

    assert newest(path) is None
    append(path, first)
    with path.open("ab") as file:
        file.write(b'{"seq": 18, "ha')
    assert newest(path) == first
    append(path, second)

    assert newest(path) == second
    assert path.read_bytes().splitlines()[1] == b'{"seq": 18, "ha'
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "zz", "abcd"])
def test_a_damaged_key_is_named(tmp_path: Path, text: str) -> None:
    """Rather than quietly replaced: the checkpoints so far would be another's."""
    (tmp_path / "key").write_text(text)

    with pytest.raises(CheckpointError, match=str(tmp_path / "key")):
        Signer(tmp_path / "key").sign(SEEN)
