"""Sealed values and verifiers: the secrets that stand in files beside the database, and what is done with them.

A copy of the database without these files gives away no credential and verifies no key. The files are
``master-N`` (seals upstream credentials and whatever else must be read again) and ``pepper-N`` (keys the
verifiers), 32 random bytes in hex, readable by their owner only. What was made with an older one keeps its name;
new values use the newest. Instead of in files, they may be given in the settings, under the same names.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
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
_VALUE = re.compile(rf"[0-9A-Fa-f]{{{2 * _KEY_LENGTH}}}")
_SETTINGS = {MASTER: "master_key", PEPPER: "pepper"}


class VaultError(Exception):
    """A file with a secret is missing or damaged; the text is one line for the operator, without the secret."""


class Given(msgspec.Struct, frozen=True):
    """Master keys and peppers from elsewhere than the folder, by name."""

    masters: dict[str, bytes] = {}
    peppers: dict[str, bytes] = {}


NOTHING = Given()


class Vault:
    """The master keys and peppers of this data directory, in memory."""

    def __init__(self, folder: Path, given: Given = NOTHING) -> None:
        """Read the files of ``folder``.

        Args:
            folder: Where files are, and where new ones are made.
            given: What came with the settings; stands beside the files.

        Raises:
            VaultError: A file is not 32 bytes in hex, can't be read, or differs from the setting of its name.
        """
        self._folder = folder
        self._given = given
        self._masters = _joined(_read(folder, MASTER), given.masters)
        self._peppers = _joined(_read(folder, PEPPER), given.peppers)

    def create(self) -> None:
        """Make a first master key and a first pepper where there is none; for the first start only."""
        for kind, held in ((MASTER, self._masters), (PEPPER, self._peppers)):
            if not held:
                held[f"{kind}-1"] = _create(self._folder / f"{kind}-1")

    @property
    def newest_pepper(self) -> str:
        """The pepper that new verifiers are made with.

        Raises:
            VaultError: There is none.
        """
        return _newest(self._peppers)

    @property
    def peppers(self) -> list[str]:
        """The names of the peppers, oldest first."""
        return sorted(self._peppers, key=_number)

    @property
    def peppers_given(self) -> bool:
        """Peppers came with the settings, so that making one in a file would split them over two places."""
        return bool(self._given.peppers)

    def is_file(self, pepper: str) -> bool:
        """Say whether this pepper stands in a file of the folder."""
        return (self._folder / pepper).exists()

    def rotate_pepper(self) -> str:
        """Make a newer pepper, on the disk before it is used, and return its name.

        Raises:
            OSError: The file can't be written; the newest pepper is the one from before.
        """
        name = f"{PEPPER}-{_number(self.newest_pepper) + 1}"
        self._peppers[name] = _create(self._folder / name)
        return name

    def newest_pepper_age_s(self) -> float:
        """Return for how long new verifiers have not been made with an older pepper; endless if it is no file."""
        path = self._folder / self.newest_pepper
        return system.now() - path.stat().st_mtime if path.exists() else float("inf")

    def remove_pepper(self, name: str) -> None:
        """Forget a pepper and delete its file; what was verified with it is verified no more.

        Raises:
            VaultError: It is the newest.
        """
        if name == self.newest_pepper:
            raise VaultError(f"{name} is the pepper in use")
        (self._folder / name).unlink(missing_ok=True)
        _sync(self._folder)
        self._peppers.pop(name, None)

    def require(self, names: Iterable[str]) -> None:
        """Check that every file the database refers to is here.

        Raises:
            VaultError: Some are missing; names them.
        """
        missing = sorted(name for name in names if name not in self._masters and name not in self._peppers)
        if missing:
            files = ", ".join(str(self._folder / name) for name in missing)
            what = f"the file {files} is missing" if len(missing) == 1 else f"the files {files} are missing"
            raise VaultError(
                f"{what}; without it the database beside it can't be used: "
                "restore it from the backup, or give it in the setting vault."
                f"{'pepper' if missing[0].startswith(PEPPER) else 'master_key'}"
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
    """Return the name of the master key that a value is sealed with; its head, up to the name, is enough.

    Raises:
        VaultError: It is not a sealed value.
    """
    if len(value) < 2 or value[0] != _VERSION or len(value) < 2 + value[1]:
        raise VaultError("a stored credential is damaged")
    return value[2 : 2 + value[1]].decode("ascii", "replace")


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
    return max(held, key=_number)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _joined(files: dict[str, bytes], given: dict[str, bytes]) -> dict[str, bytes]:
    for name, value in given.items():
        if files.get(name, value) != value:
            raise VaultError(f"the setting and the file of {name} hold different values; remove one of them")
    return files | given


def read_given(texts: dict[str, tuple[str, str]]) -> Given:
    """Read master keys and peppers from settings.

    Args:
        texts: ``master`` and ``pepper`` → the setting's own text and the path of a file that holds it instead; both may
            be empty. The text is one ``NAME:HEX`` after the other, separated by commas or white space; a single value
            may stand alone and is number 1.

    Raises:
        VaultError: A file can't be read, or a text is not of this form; says which, and never what it holds.
    """
    return Given(
        **{
            f"{kind}s": _parse(kind, text, path)
            for kind, (text, path) in texts.items()
            if text.strip() or path
        }
    )


def _parse(kind: str, text: str, path: str) -> dict[str, bytes]:
    setting = f"vault.{_SETTINGS[kind]}"
    if text.strip() and path:
        raise VaultError(f"{setting} and {setting}_file are both set; set one of them")
    if path:
        try:
            text = Path(path).read_text("ascii")
        except (OSError, ValueError) as error:
            raise VaultError(
                f"the file {path} of {setting}_file can't be read: {type(error).__name__}"
            ) from None
    words = text.replace(",", " ").split()
    found: dict[str, bytes] = {}
    for word in words:
        name, separator, value = word.rpartition(":")
        if not separator and len(words) == 1:
            name = f"{kind}-1"
        match = _NAME.fullmatch(name)
        if match is None or match[1] != kind or name in found or not _VALUE.fullmatch(value):
            raise VaultError(
                f"{setting} is not of the form {kind}-1:HEX, with {2 * _KEY_LENGTH} hexadecimal digits"
            )
        found[name] = bytes.fromhex(value)
    if not found:
        raise VaultError(f"the file {path} of {setting}_file is empty")
    return found


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
    _sync(path.parent)  # the name too must outlive a loss of power: rows will refer to it
    return value


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
