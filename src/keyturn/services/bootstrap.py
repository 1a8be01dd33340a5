"""The first start of a node, and what every start makes sure of."""

import structlog

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.secret import Secret
from keyturn.services.configuration import owner
from keyturn.services.demo_models import DEMO, demo_models, demo_upstream
from keyturn.services.keys import NewKey, mint
from keyturn.services.upstreams import can_be_sent
from keyturn.store import keys, milestones, models, upstreams, vault
from keyturn.store.engine import Store
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault

PROVIDERS = {"openai": "https://api.openai.com/v1"}
"""Providers whose credential in the environment makes an upstream at the first start."""


async def check_vault(store: Store, held: Vault) -> None:
    """Make the files with secrets for a new database; for another, check that none is missing.

    Raises:
        VaultError: One is missing; the node must not start, because every key would seem unknown.
    """
    async with store.reading() as connection:
        first = milestones.FIRST_START not in await milestones.reached(connection)
        needed = await keys.peppers(connection)
        sealed = [upstream.sealed_credential for upstream in await upstreams.everything(connection)]
    if first:
        held.create()
    held.require(needed | {vault.master_of(value) for value in sealed if value is not None})


async def first_start(store: Store, held: Vault, providers: dict[str, str]) -> Secret | None:
    """Furnish an empty database: an account, a project, a key, and upstreams for the credentials found.

    Args:
        store: Where.
        held: Seals the credentials and makes the verifier.
        providers: Credentials from the environment, by provider.

    Returns:
        The secret of the key, to be shown once; ``None`` when the database was furnished already.
    """
    now_ms = system.now_ms()
    account_id, project_id = system.new_id(ids.ACCOUNT), system.new_id(ids.PROJECT)
    wanted = NewKey(name="default")
    key, secret, stored_secret = mint(held, wanted, project_id=project_id, by="first start", now_ms=now_ms)
    async with store.writing() as connection:
        if milestones.FIRST_START in await milestones.reached(connection):
            return None
        await milestones.reach(connection, milestones.FIRST_START, now_ms=now_ms)
        await keys.add_account(connection, account_id=account_id, name="Default", now_ms=now_ms)
        await keys.add_project(
            connection, project_id=project_id, account_id=account_id, name="Default", now_ms=now_ms
        )
        await keys.add(connection, key, stored_secret)
        for name, base_url in PROVIDERS.items():
            credential = Secret(providers.get(name, "").strip())
            if can_be_sent(credential):
                await upstreams.add(connection, _upstream(held, name, base_url, credential))
            elif providers.get(name):
                structlog.get_logger().warning("a provider's credential is not one: left out", provider=name)
    return secret


async def add_demo(store: Store) -> None:
    """Add the demo upstream and its models, once in the life of a database: whoever removes it wants it gone."""
    now_ms = system.now_ms()
    async with store.writing() as connection:
        if milestones.DEMO_ADDED in await milestones.reached(connection):
            return
        await milestones.reach(connection, milestones.DEMO_ADDED, now_ms=now_ms)
        if await upstreams.get(connection, DEMO) is not None:
            structlog.get_logger().warning(
                "there is an upstream of the name 'demo': the built-in one is left out"
            )
            return
        await upstreams.add(connection, demo_upstream(system.new_id(ids.UPSTREAM), now_ms=now_ms))
        taken = {model.name for model in await models.everything(connection)}
        await models.put(
            connection, [model for model in demo_models(now_ms=now_ms) if model.name not in taken]
        )


def _upstream(held: Vault, name: str, base_url: str, credential: Secret) -> StoredUpstream:
    upstream_id = system.new_id(ids.UPSTREAM)
    sealed = held.seal(owner(upstream_id), credential)
    return StoredUpstream(upstream_id, name, base_url, sealed, system.now_ms())
