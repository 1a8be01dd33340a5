"""Checkpoints of the audit log: signed notes of how far it went, kept where changing the log does not change them."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keyturn import system

KEY_LENGTH = 32
_CONTEXT = "keyturn audit checkpoint"
_TAIL = 1 << 16
"""Bytes at the end of a file in which its last checkpoint is looked for; one has some 400."""


class CheckpointError(Exception):
    """A checkpoint or the key that signs them can't be used; the text is one line for the operator."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The log had this entry as its last at this time."""

    seq: int
    """The number of the entry."""
    hash: str
    """Of the entry, in hexadecimal."""
    count: int
    """How many entries there were."""
    at: int
    """Milliseconds since 1970 UTC."""
    public_key: str = ""
    """An Ed25519 key (RFC 8032), 32 bytes in hexadecimal."""
    signature: str = ""
    """64 bytes in hexadecimal, over ``signed``."""

    @property
    def signed(self) -> bytes:
        """What is signed: five lines of ASCII."""
        return f"{_CONTEXT}\n{self.seq}\n{self.hash}\n{self.count}\n{self.at}\n".encode()


class Signer:
    """Signs checkpoints with a key that stands in a file, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def public_key(self) -> str:
        """The public key, 32 bytes in hexadecimal."""
        return self._key().public_key().public_bytes_raw().hex()

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint with its signature.

        Raises:
            CheckpointError: The file with the key is damaged or can't be read or made.
        """
        key = self._key()
        public_key = key.public_key().public_bytes_raw().hex()
        signature = key.sign(checkpoint.signed).hex()
        return msgspec.structs.replace(checkpoint, public_key=public_key, signature=signature)

    def _key(self) -> Ed25519PrivateKey:
        try:
            if not self._path.exists():
                self._create()
            raw = bytes.fromhex(self._path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise CheckpointError(f"the file {self._path} can't be used: {type(error).__name__}") from None
        if len(raw) != KEY_LENGTH:
            raise CheckpointError(f"the file {self._path} is damaged: {len(raw)} bytes, not {KEY_LENGTH}")
        return Ed25519PrivateKey.from_private_bytes(raw)

    def _create(self) -> None:
        """Make the file, whole or not at all even if the machine stops in the middle."""
        partial = self._path.with_suffix(".new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, system.random_bytes(KEY_LENGTH).hex().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.rename(self._path)


def append(path: Path, checkpoint: Checkpoint) -> None:
    """Add a line to a file of checkpoints, on the disk on return; a line that was cut short before stays by itself."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.fstat(descriptor).st_size
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, b"\n" * torn + msgspec.json.encode(checkpoint) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest(path: Path) -> Checkpoint | None:
    """Return the last whole and signed checkpoint of our own file; ``None`` when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            found = msgspec.json.decode(line, type=Checkpoint)
        except msgspec.DecodeError:
            continue
        if _is_genuine(found):
            return found
    return None


def read(lines: Iterable[bytes], *, public_key: str = "") -> list[Checkpoint]:
    """Return the checkpoints of an exported file, each with a good signature.

    Args:
        lines: One checkpoint each, as JSON; empty ones are passed over.
        public_key: Who must have signed, in hexadecimal; empty: whoever the first one says, and all the same.

    Raises:
        CheckpointError: One is not a checkpoint, is signed by somebody else, or its signature is wrong.
    """
    found: list[Checkpoint] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            checkpoint = msgspec.json.decode(line, type=Checkpoint)
        except msgspec.DecodeError:
            raise CheckpointError(f"line {number} is not a checkpoint") from None
        expected = public_key or (found[0].public_key if found else checkpoint.public_key)
        if checkpoint.public_key != expected:
            raise CheckpointError(f"the checkpoint in line {number} is signed with another key")
        if not _is_genuine(checkpoint):
            raise CheckpointError(f"the signature of the checkpoint in line {number} is wrong")
        found.append(checkpoint)
    if not found:
        raise CheckpointError("there is no checkpoint in it")
    return found


def _is_genuine(checkpoint: Checkpoint) -> bool:
    try:
        bytes.fromhex(checkpoint.hash)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.public_key))
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.signed)
    except (ValueError, InvalidSignature):
        return False
    return True
