"""The first start of a node, and what every start makes sure of."""

import structlog

from keyturn import system
from keyturn.domain import ids, key_text
from keyturn.domain.principal import Principal
from keyturn.domain.secret import Secret
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.provider import Provider
from keyturn.services.audit import Facts, note
from keyturn.services.configuration import owner
from keyturn.services.demo_models import UPSTREAMS, demo_models, demo_upstream
from keyturn.services.issuing import mint
from keyturn.services.key_terms import NewKey
from keyturn.services.upstreams import facts
from keyturn.store import accounts, keys, milestones, models, projects, sealed, upstreams, vault
from keyturn.store.accounts import StoredAccount
from keyturn.store.engine import Store
from keyturn.store.projects import StoredProject
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault

FIRST_START = Principal("first start")
"""Who did what a node does at its first start."""


async def check_vault(store: Store, held: Vault) -> None:
    """Make the files with secrets for a new database; for another, check that none is missing.

    Raises:
        VaultError: One is missing; the node must not start, because every key would seem unknown.
    """
    async with store.reading() as connection:
        first = milestones.FIRST_START not in await milestones.reached(connection)
        needed = await keys.peppers(connection)
        for upstream in await upstreams.everything(connection):
            needed |= {vault.master_of(value) for value in upstream.sealed_credentials}
        needed |= {vault.master_of(head) for head in await sealed.heads(connection)}
    if first:
        held.create()
    held.require(needed)


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
        await accounts.add(connection, StoredAccount(account_id, "Default", now_ms))
        await projects.add(connection, StoredProject(project_id, account_id, "Default", now_ms))
        await keys.add(connection, key, stored_secret)
        for name, text in providers.items():
            credential = Secret(text.strip())
            provider = PROVIDERS.get(name)
            if provider is None or not provider.base_url or not credential.reveal():
                continue
            if key_text.is_well_formed(credential.reveal()):
                # What `keyturn env` has written for clients of this node; nobody's credential for a provider.
                structlog.get_logger().info(
                    "a provider's credential is a key of ours: left out", provider=name
                )
            elif provider.problem_with_credential(credential.reveal()):
                structlog.get_logger().warning("a provider's credential is not one: left out", provider=name)
            else:
                await upstreams.add(connection, _upstream(held, provider, credential))
        made: Facts = {"project": project_id, "key": key.id, "secret": stored_secret.display}
        made["upstreams"] = [one.name for one in await upstreams.everything(connection)]
        await note(connection, FIRST_START, "node.first_start", account_id, after=made)
    return secret


async def add_demo(store: Store) -> None:
    """Add the demo upstream and its models, once in the life of a database: whoever removes it wants it gone."""
    now_ms = system.now_ms()
    async with store.writing() as connection:
        if milestones.DEMO_ADDED in await milestones.reached(connection):
            return
        await milestones.reach(connection, milestones.DEMO_ADDED, now_ms=now_ms)
        for name in UPSTREAMS:
            if await upstreams.get(connection, name) is not None:
                structlog.get_logger().warning(
                    f"there is an upstream of the name '{name}': the built-in one is left out"
                )
                return
        for name in UPSTREAMS:
            demo = demo_upstream(system.new_id(ids.UPSTREAM), name, now_ms=now_ms)
            await upstreams.add(connection, demo)
            await note(connection, FIRST_START, "upstream.add", name, after=facts(demo))
        taken = {model.name for model in await models.everything(connection)}
        await models.put(
            connection, [model for model in demo_models(now_ms=now_ms) if model.name not in taken]
        )


def _upstream(held: Vault, provider: Provider, credential: Secret) -> StoredUpstream:
    upstream_id = system.new_id(ids.UPSTREAM)
    sealed = held.seal(owner(upstream_id), credential)
    return StoredUpstream(upstream_id, provider.id, provider.base_url, sealed, system.now_ms(), provider.id)
