"""Sealed values and verifiers: the secrets that stand in files beside the database, and what is done with them.

A copy of the database without these files gives away no credential and verifies no key. The files are
``master-N`` (seals upstream credentials) and ``pepper-N`` (keys the verifiers), 32 random bytes in hex,
readable by their owner only. What was made with an older one keeps its name; new values use the newest.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyturn import system
from keyturn.domain import verifier
from keyturn.domain.secret import Secret

MASTER, PEPPER = "master", "pepper"
_KEY_LENGTH = 32
_NONCE_LENGTH = 12
_VERSION = 1
_NAME = re.compile(rf"({MASTER}|{PEPPER})-(\d{{1,6}})")


class VaultError(Exception):
    """A file with a secret is missing or damaged; the text is one line for the operator, without the secret."""


class Vault:
    """The master keys and peppers of this data directory, in memory."""

    def __init__(self, folder: Path) -> None:
        """Read the files of ``folder``.

        Raises:
            VaultError: A file is not 32 bytes in hex, or can't be read.
        """
        self._folder = folder
        self._masters = _read(folder, MASTER)
        self._peppers = _read(folder, PEPPER)

    def create(self) -> None:
        """Make a first master key and a first pepper where there is none; for the first start only."""
        for kind, held in ((MASTER, self._masters), (PEPPER, self._peppers)):
            if not held:
                held[f"{kind}-1"] = _create(self._folder / f"{kind}-1")

    def require(self, names: Iterable[str]) -> None:
        """Check that every file the database refers to is here.

        Raises:
            VaultError: One is missing; names it.
        """
        for name in sorted(names):
            if name not in self._masters and name not in self._peppers:
                raise VaultError(
                    f"the file {self._folder / name} is missing; without it the database beside it can't be used: "
                    "restore it from the backup"
                )

    def seal(self, owner: str, secret: Secret) -> bytes:
        """Encrypt a credential so that it opens for this owner only.

        Args:
            owner: Bound to the value, ``upstream:up_…``: a value moved to another row does not open.
            secret: What to keep.

        Returns:
            One byte of version, the length-prefixed name of the master key, the nonce, the ciphertext.
        """
        name = _newest(self._masters)
        nonce = system.random_bytes(_NONCE_LENGTH)
        sealed = AESGCM(self._masters[name]).encrypt(nonce, secret.reveal().encode(), owner.encode())
        return bytes((_VERSION, len(name))) + name.encode() + nonce + sealed

    def unseal(self, owner: str, value: bytes) -> Secret:
        """Return what ``seal`` was given.

        Raises:
            VaultError: Another owner's, damaged, or sealed with a master key that isn't here.
        """
        name, nonce, sealed = _parts(value)
        if name not in self._masters:
            raise VaultError(f"the credential of {owner} is sealed with {name}, which is missing")
        try:
            text = AESGCM(self._masters[name]).decrypt(nonce, sealed, owner.encode())
        except InvalidTag:
            raise VaultError(f"the credential of {owner} is damaged or belongs to something else") from None
        return Secret(text.decode())

    def verifier(self, digest: bytes) -> tuple[str, bytes]:
        """Return the name of the newest pepper and the verifier it gives for the digest of a secret."""
        name = _newest(self._peppers)
        return name, verifier.verifier(self._peppers[name], digest)

    def verifiers(self, digest: bytes) -> list[bytes]:
        """Return the verifier of a secret's digest under every pepper."""
        return [verifier.verifier(pepper, digest) for pepper in self._peppers.values()]

    def binding(self, pepper: str, stored: bytes, key_id: str) -> bytes:
        """Return what ties a verifier to its key; see ``domain.verifier.binding``.

        Raises:
            VaultError: There is no pepper of this name.
        """
        if pepper not in self._peppers:
            raise VaultError(f"the pepper {pepper} is missing")
        return verifier.binding(self._peppers[pepper], stored, key_id)


def master_of(value: bytes) -> str:
    """Return the name of the master key that a value is sealed with.

    Raises:
        VaultError: It is not a sealed value.
    """
    return _parts(value)[0]


def open_to_others(folder: Path) -> list[Path]:
    """Return the secret files that others than their owner can read."""
    return [path for path in sorted(folder.iterdir()) if path.stat().st_mode & 0o077]


def _parts(value: bytes) -> tuple[str, bytes, bytes]:
    if len(value) < 2 or value[0] != _VERSION or len(value) < 2 + value[1] + _NONCE_LENGTH:
        raise VaultError("a stored credential is damaged")
    start = 2 + value[1]
    return (
        value[2:start].decode("ascii", "replace"),
        value[start : start + _NONCE_LENGTH],
        value[start + _NONCE_LENGTH :],
    )


def _newest(held: dict[str, bytes]) -> str:
    if not held:
        raise VaultError("there is no master key or pepper")
    return max(held, key=lambda name: int(name.rpartition("-")[2]))


def _read(folder: Path, kind: str) -> dict[str, bytes]:
    found = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None or match[1] != kind:
            continue
        try:
            value = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise VaultError(
                f"the file {path} can't be read as hexadecimal: {type(error).__name__}"
            ) from None
        if len(value) != _KEY_LENGTH:
            raise VaultError(f"the file {path} is damaged: {len(value)} bytes instead of {_KEY_LENGTH}")
        found[path.name] = value
    return found


def _create(path: Path) -> bytes:
    """Make a file with a new secret, whole or not at all even if the machine stops in the middle."""
    value = system.random_bytes(_KEY_LENGTH)
    partial = path.with_suffix(".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, value.hex().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.rename(path)
    return value
