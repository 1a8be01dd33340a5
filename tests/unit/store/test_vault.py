"""Sealed values and verifiers."""

from pathlib import Path

import pytest

from keyturn.domain import verifier
from keyturn.domain.secret import Secret
from keyturn.store import vault as vaults
from keyturn.store.vault import Given, Vault, VaultError, read_given

OWNER = "upstream:up_1"
CREDENTIAL = Secret("sk-provider")


def test_a_sealed_value_opens_for_its_owner(vault: Vault) -> None:
    """The relay needs the credential back, byte for byte."""
    sealed = vault.seal(OWNER, CREDENTIAL)

    assert vault.unseal(OWNER, sealed).reveal() == "sk-provider"


def test_a_sealed_value_holds_nothing_of_the_secret_and_is_another_each_time(vault: Vault) -> None:
    """Equal credentials must not look equal to whoever reads the database."""
    first, second = vault.seal(OWNER, CREDENTIAL), vault.seal(OWNER, CREDENTIAL)

    assert b"sk-provider" not in first
    assert first != second


def test_a_value_moved_to_another_owner_does_not_open(vault: Vault) -> None:
    """Who can write the database could otherwise have a credential sent to a host of their own."""
    sealed = vault.seal(OWNER, CREDENTIAL)

    with pytest.raises(VaultError, match="belongs to something else"):
        vault.unseal("upstream:up_2", sealed)


@pytest.mark.parametrize("position", [0, 1, 5, 12, 20, -1])
def test_a_value_with_a_changed_byte_does_not_open(vault: Vault, position: int) -> None:
    """Damage must show, not become another credential."""
    sealed = bytearray(vault.seal(OWNER, CREDENTIAL))
    sealed[position] ^= 1

    with pytest.raises(VaultError):
        vault.unseal(OWNER, bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, 2, 10])
def test_a_value_cut_short_is_refused(vault: Vault, length: int) -> None:
    """A truncated row must not end in an index error."""
    with pytest.raises(VaultError, match="damaged"):
        vault.unseal(OWNER, vault.seal(OWNER, CREDENTIAL)[:length])


def test_files_are_hex_and_for_their_owner_only(vault: Vault, tmp_path: Path) -> None:
    """A backup of the database alone must be worthless."""
    files = sorted((tmp_path / "secrets").iterdir())

    assert [path.name for path in files] == ["master-1", "pepper-1"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all(len(bytes.fromhex(path.read_text().strip())) == 32 for path in files)


def test_files_that_exist_are_kept(vault: Vault, tmp_path: Path) -> None:
    """Making new ones would lock every key out."""
    sealed = vault.seal(OWNER, CREDENTIAL)
    again = Vault(tmp_path / "secrets")

    again.create()

    assert again.unseal(OWNER, sealed) == CREDENTIAL


def test_old_secrets_still_open_and_new_values_use_the_newest(vault: Vault, tmp_path: Path) -> None:
    """Replacing a master key must not need all values sealed again in one moment."""
    old = vault.seal(OWNER, CREDENTIAL)
    for name in ("master-2", "pepper-10"):
        (tmp_path / "secrets" / name).write_text("ab" * 32)

    renewed = Vault(tmp_path / "secrets")

    assert renewed.unseal(OWNER, old) == CREDENTIAL
    assert vaults.master_of(renewed.seal(OWNER, CREDENTIAL)) == "master-2"
    assert renewed.verifier(b"d" * 32)[0] == "pepper-10"
    assert len(renewed.verifiers(b"d" * 32)) == 2


def test_a_missing_file_is_named(vault: Vault) -> None:
    """With the pepper gone every key would seem unknown: the node must not start."""
    vault.require({"pepper-1", "master-1"})

    with pytest.raises(VaultError, match="pepper-7 is missing"):
        vault.require({"pepper-1", "pepper-7"})
    with pytest.raises(VaultError, match="pepper-7"):
        vault.binding("pepper-7", b"", "key_1")


@pytest.mark.parametrize("content", ["zz" * 32, "ab" * 31, ""])
def test_a_damaged_file_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    """The message goes to a log."""
    (tmp_path / "pepper-1").write_text(content)

    with pytest.raises(VaultError, match="pepper-1") as caught:
        Vault(tmp_path)

    assert not content or content not in str(caught.value)


def test_an_empty_folder_can_neither_seal_nor_verify(tmp_path: Path) -> None:
    """Without secrets there is no safe answer."""
    empty = Vault(tmp_path)

    with pytest.raises(VaultError):
        empty.seal(OWNER, CREDENTIAL)
    with pytest.raises(VaultError):
        empty.verifier(b"d" * 32)


def test_a_master_key_that_is_gone_is_named(vault: Vault, tmp_path: Path) -> None:
    """The operator must know which file to restore."""
    sealed = vault.seal(OWNER, CREDENTIAL)
    (tmp_path / "secrets" / "master-1").rename(tmp_path / "secrets" / "master-2")

    with pytest.raises(VaultError, match="master-1, which is missing"):
        Vault(tmp_path / "secrets").unseal(OWNER, sealed)


def test_verifiers_are_the_documented_ones(tmp_path: Path) -> None:
    """Keys are taken over between installations by this formula."""
    (tmp_path / "pepper-1").write_text(bytes(range(32)).hex())
    digest = verifier.digest(b"sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38")

    _, stored = Vault(tmp_path).verifier(digest)

    assert stored.hex() == "f65d3226aec8baa598a4e6e3d733c8596e45434d7e231842ed1c6d078a54d598"


def test_files_that_others_can_read_are_found(vault: Vault, tmp_path: Path) -> None:
    """A restored backup often has the wrong mode."""
    (tmp_path / "secrets" / "pepper-1").chmod(0o644)

    assert [path.name for path in vaults.open_to_others(tmp_path / "secrets")] == ["pepper-1"]


def test_a_newer_pepper_is_used_at_once_and_found_again(vault: Vault, tmp_path: Path) -> None:
    """The file stands before anything refers to it, readable by its owner only."""
    digest = b"d" * 32
    before = vault.verifier(digest)

    name = vault.rotate_pepper()

    assert (name, vault.newest_pepper, vault.peppers) == ("pepper-2", "pepper-2", ["pepper-1", "pepper-2"])
    assert vault.verifier(digest) != before
    assert before[1] in vault.verifiers(digest)
    assert (tmp_path / "secrets/pepper-2").stat().st_mode & 0o777 == 0o600
    assert Vault(tmp_path / "secrets").verifier(digest) == vault.verifier(digest)


def test_the_pepper_in_use_is_not_removed(vault: Vault) -> None:
    """Nothing could be verified any more."""
    with pytest.raises(VaultError, match="in use"):
        vault.remove_pepper("pepper-1")


def test_a_removed_pepper_verifies_nothing(vault: Vault, tmp_path: Path) -> None:
    """It is gone from the disk and from memory."""
    before = vault.verifier(b"d" * 32)[1]
    vault.rotate_pepper()

    vault.remove_pepper("pepper-1")

    assert before not in vault.verifiers(b"d" * 32)
    assert not (tmp_path / "secrets/pepper-1").exists()


VALUE = "0a" * 32


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (VALUE, {"pepper-1"}),
        (f"pepper-7:{VALUE}", {"pepper-7"}),
        (f"pepper-1:{VALUE},pepper-2:{'0b' * 32}", {"pepper-1", "pepper-2"}),
        (f"  pepper-1:{VALUE}\npepper-2:{'0b' * 32}\n", {"pepper-1", "pepper-2"}),
    ],
)
def test_secrets_may_come_with_the_settings(tmp_path: Path, text: str, names: set[str]) -> None:
    """Each under the name that the database knows it by."""
    file = tmp_path / "given"
    file.write_text(text)

    given = [read_given({"pepper": (text, "")}), read_given({"pepper": ("", str(file))})]

    assert [set(one.peppers) for one in given] == [names, names]
    assert given[0].masters == {}


@pytest.mark.parametrize(
    "text",
    ["pepper-1:abc", f"master-1:{VALUE}", f"{VALUE},{VALUE}", f"pepper-1:{VALUE},pepper-1:{VALUE}", "x"],
)
def test_what_is_no_pepper_is_refused_without_showing_it(text: str) -> None:
    """A mistyped secret is still nearly the secret."""
    with pytest.raises(VaultError, match=r"vault\.pepper is not of the form") as caught:
        read_given({"pepper": (text, "")})

    assert VALUE not in str(caught.value)


def test_a_setting_and_its_file_do_not_go_together(tmp_path: Path) -> None:
    """One of them would be ignored in silence."""
    (tmp_path / "given").write_text(VALUE)
    (tmp_path / "empty").write_text("\n")

    with pytest.raises(VaultError, match="set one of them"):
        read_given({"pepper": (VALUE, str(tmp_path / "given"))})
    with pytest.raises(VaultError, match="is empty"):
        read_given({"pepper": ("", str(tmp_path / "empty"))})


def test_a_setting_that_contradicts_a_file_is_refused(vault: Vault, tmp_path: Path) -> None:
    """Half of the keys would seem unknown, whichever won."""
    with pytest.raises(VaultError, match="hold different values"):
        Vault(tmp_path / "secrets", Given(peppers={"pepper-1": b"p" * 32}))


def test_what_is_missing_is_named_all_at_once(vault: Vault) -> None:
    """Nobody wants to restore files one failed start after the other."""
    with pytest.raises(VaultError, match=r"master-9, .*pepper-7 are missing"):
        vault.require({"pepper-1", "pepper-7", "master-9"})
