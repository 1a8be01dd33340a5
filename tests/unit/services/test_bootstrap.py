"""The first start, and what every start makes sure of."""

from pathlib import Path

import pytest

from fakes.price_rules import RULES
from keyturn.domain import verifier
from keyturn.domain.secret import Secret
from keyturn.services import bootstrap
from keyturn.services.configuration import Configuration, Known
from keyturn.services.demo_models import UPSTREAMS
from keyturn.services.lookup import Lookup
from keyturn.store import upstreams
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault, VaultError


async def test_the_first_start_gives_a_key_that_works(
    store: Store, vault: Vault, key_lookup: KeyLookup
) -> None:
    """The stranger who pastes it must be let in."""
    secret = await bootstrap.first_start(store, vault, {})

    assert secret is not None
    record = await Lookup(key_lookup.find, vault).by_digest(verifier.digest(secret.reveal().encode()))
    assert record is not None
    assert record.name == "default"


async def test_the_second_start_gives_none(store: Store, vault: Vault) -> None:
    """A secret is shown once; restarting must not mint keys."""
    await bootstrap.first_start(store, vault, {})

    assert await bootstrap.first_start(store, vault, {"openai": "sk-x"}) is None
    known = await Configuration(store, vault, demo_port=1, rules=RULES).read()
    models, found = known.models, known.upstreams
    assert (models, found) == ({}, {})


async def test_a_credential_in_the_environment_becomes_an_upstream_sealed(store: Store, vault: Vault) -> None:
    """The five-minute promise, without the credential in the clear."""
    await bootstrap.first_start(store, vault, {"openai": "sk-provider"})

    found = (await Configuration(store, vault, demo_port=0, rules=RULES).read()).upstreams

    assert (found["openai"].base_url, found["openai"].credential) == (
        "https://api.openai.com/v1",
        "sk-provider",
    )
    assert b"sk-provider" not in b"".join(path.read_bytes() for path in store.path.parent.glob("keyturn.db*"))


async def test_each_provider_in_the_environment_becomes_an_upstream_of_its_own(
    store: Store, vault: Vault
) -> None:
    """Those without an address of their own are left out, and what is no credential is as well."""
    found = {"anthropic": "sk-ant", "gemini": "AIza", "cloudflare": "cf", "groq": "not one", "unheard": "x"}
    await bootstrap.first_start(store, vault, found)

    known = (await Configuration(store, vault, demo_port=0, rules=RULES).read()).upstreams

    assert {name: (one.provider, one.credentials) for name, one in known.items()} == {
        "anthropic": ("anthropic", ("sk-ant",)),
        "gemini": ("gemini", ("AIza",)),
    }
    assert known["anthropic"].base_url == "https://api.anthropic.com/v1"


async def test_a_master_key_that_only_a_further_credential_needs_is_missed(
    store: Store, vault: Vault, tmp_path: Path
) -> None:
    """Else the node would start, and fail at every second request."""
    await bootstrap.first_start(store, vault, {})
    sealed = vault.seal("upstream:up_1", Secret("k"))
    async with store.writing() as connection:
        row = StoredUpstream("up_1", "x", "https://x.example", None, 1, further_credentials=(sealed,))
        await upstreams.add(connection, row)
    (tmp_path / "secrets" / "master-1").unlink()

    with pytest.raises(VaultError, match="master-1 is missing"):
        await bootstrap.check_vault(store, Vault(tmp_path / "secrets"))


async def test_an_empty_database_gets_its_secret_files(store: Store, tmp_path: Path) -> None:
    """Nobody should have to run a key generator."""
    folder = tmp_path / "fresh"
    folder.mkdir()

    await bootstrap.check_vault(store, Vault(folder))

    assert sorted(path.name for path in folder.iterdir()) == ["master-1", "pepper-1"]


async def test_a_furnished_database_without_its_pepper_does_not_start(
    store: Store, vault: Vault, tmp_path: Path
) -> None:
    """Every key would be 'unknown', and new files would make that final."""
    await bootstrap.first_start(store, vault, {})
    (tmp_path / "secrets" / "pepper-1").unlink()

    with pytest.raises(VaultError, match="pepper-1 is missing"):
        await bootstrap.check_vault(store, Vault(tmp_path / "secrets"))


async def test_a_furnished_database_without_its_master_key_does_not_start(
    store: Store, vault: Vault, tmp_path: Path
) -> None:
    """Upstreams would fail one by one, at night."""
    await bootstrap.first_start(store, vault, {"openai": "sk-provider"})
    (tmp_path / "secrets" / "master-1").unlink()

    with pytest.raises(VaultError, match="master-1 is missing"):
        await bootstrap.check_vault(store, Vault(tmp_path / "secrets"))


async def test_the_demo_is_added_once_and_reached_where_it_listens(store: Store, vault: Vault) -> None:
    """Its port is another at every start."""
    await bootstrap.add_demo(store)
    await bootstrap.add_demo(store)

    known = await Configuration(store, vault, demo_port=4711, rules=RULES).read()
    models, found = known.models, known.upstreams

    assert {name: (one.provider, one.base_url) for name, one in found.items()} == {
        "demo": ("compatible", "http://127.0.0.1:4711/v1"),
        "demo-anthropic": ("anthropic", "http://127.0.0.1:4711/v1"),
        "demo-gemini": ("gemini", "http://127.0.0.1:4711/v1beta"),
    }
    assert {name: models[name].model for name in ("gpt-4o", "gpt-4", "davinci-codex", "echo")} == {
        "gpt-4o": "demo-chat",
        "gpt-4": "demo-chat",
        "davinci-codex": "demo-chat",
        "echo": "echo",
    }
    assert models["gpt-4o"].prices[0].version is not None


async def test_without_the_demo_its_models_are_not_offered(store: Store, vault: Vault) -> None:
    """A name in /v1/models that always fails is a lie."""
    await bootstrap.add_demo(store)

    known = await Configuration(store, vault, demo_port=0, rules=RULES).read()
    models, found = known.models, known.upstreams

    assert (models, found) == ({}, {})


async def test_a_removed_demo_does_not_come_back(store: Store, vault: Vault) -> None:
    """Whoever removed it wants it gone."""
    await bootstrap.add_demo(store)
    async with store.writing() as connection:
        for name in UPSTREAMS:
            await upstreams.remove(connection, name)

    await bootstrap.add_demo(store)

    assert await Configuration(store, vault, demo_port=1, rules=RULES).read() == Known({}, {})


async def test_an_upstream_of_the_operators_named_demo_is_let_be(store: Store, vault: Vault) -> None:
    """Their name, their host."""
    async with store.writing() as connection:
        await upstreams.add(connection, StoredUpstream("up_1", "demo", "https://demo.example", None, 1))

    await bootstrap.add_demo(store)

    known = await Configuration(store, vault, demo_port=1, rules=RULES).read()
    models, found = known.models, known.upstreams
    assert (models, found["demo"].base_url) == ({}, "https://demo.example")


async def test_a_credential_that_does_not_open_takes_one_upstream_out_not_the_node(
    store: Store, vault: Vault
) -> None:
    """Traffic to the others goes on."""
    moved = vault.seal("upstream:up_other", Secret("sk-x"))
    async with store.writing() as connection:
        await upstreams.add(connection, StoredUpstream("up_1", "bad", "https://bad.example", moved, 1))
        await upstreams.add(connection, StoredUpstream("up_2", "good", "https://good.example", None, 1))

    found = (await Configuration(store, vault, demo_port=0, rules=RULES).read()).upstreams

    assert list(found) == ["good"]
