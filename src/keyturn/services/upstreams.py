"""Connect providers, try them, disconnect them."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import structlog

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.principal import SCHEDULER, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import Facts, note
from keyturn.services.configuration import Configuration, owner
from keyturn.services.demo_models import ALIASES, DEMO
from keyturn.services.prices import withdraw
from keyturn.services.probe import NAME_LENGTH, Probe, probe
from keyturn.services.workers import Workers
from keyturn.store import models, upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredModel
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Upstream(msgspec.Struct, frozen=True):
    """An upstream and the names of models that go there."""

    stored: StoredUpstream
    models: list[str]


class Added(msgspec.Struct, frozen=True):
    """A new upstream, and what there is to say about it."""

    upstream: Upstream
    problem: str
    """Why the provider's models could not be listed; empty when they could or were given."""


class NewUpstream(msgspec.Struct, frozen=True):
    """What is asked for. Without ``models`` the provider is asked which it has."""

    name: str
    base_url: str
    credential: Secret | None = None
    models: Sequence[str] = ()


class Upstreams:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, workers: Workers, configuration: Configuration) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers
        self._configuration = configuration

    async def everything(self) -> list[Upstream]:
        """Return all upstreams by name."""
        async with self._store.reading() as connection:
            stored = await upstreams.everything(connection)
            known = await models.everything(connection)
        return [
            Upstream(one, [model.name for model in known if model.upstream == one.name]) for one in stored
        ]

    async def add(self, wanted: NewUpstream, *, by: Principal) -> Added | Refused:
        """Connect a provider; its models can be used everywhere on return."""
        base_url = wanted.base_url.rstrip("/")
        refused = _check(wanted.name, base_url, wanted.models)
        if refused is not None:
            return refused
        upstream_id = system.new_id(ids.UPSTREAM)
        sealed = None
        if wanted.credential is not None:
            if not can_be_sent(wanted.credential):
                message = "A credential is made of printable ASCII characters without blanks"
                return Refused(Reason.INVALID_MEMBER, message, "api_key")
            sealed = self._vault.seal(owner(upstream_id), wanted.credential)
        stored = StoredUpstream(upstream_id, wanted.name, base_url, sealed, system.now_ms())
        async with self._store.writing() as connection:
            if await upstreams.get(connection, wanted.name) is not None:
                return Refused(Reason.CONFLICT, f"There is an upstream named {wanted.name!r} already", "name")
            await upstreams.add(connection, stored)
            await note(connection, by, "upstream.add", stored.name, after=facts(stored))
        names, problem = wanted.models, ""
        if not names:
            found = await self._probe(stored)
            names, problem = found.models, found.error
        added = await self._add_models(stored.name, names, by=by)
        await self._workers.publish()
        return Added(Upstream(stored, added), problem)

    async def fill(self, name: str) -> None:
        """Ask an upstream that was added without models for them; what comes of it is logged."""
        async with self._store.reading() as connection:
            stored = await upstreams.get(connection, name)
        if stored is None:
            return
        found = await self._probe(stored)
        if not found.ok:
            structlog.get_logger().warning(
                "an upstream's models can't be listed", upstream=name, why=found.error
            )
            return
        added = await self._add_models(name, found.models, by=Principal(SCHEDULER))
        structlog.get_logger().info("models added", upstream=name, count=len(added))
        await self._workers.publish()

    async def remove(self, name: str, *, by: Principal) -> Upstream | Refused:
        """Disconnect a provider and drop its models; nothing goes there any more on return."""
        found = [one for one in await self.everything() if one.stored.name == name]
        if not found:
            return _unknown(name)
        async with self._store.writing() as connection:
            await upstreams.remove(connection, name)
            await withdraw(connection, found[0].models, by=by)
            before: Facts = {**facts(found[0].stored), "models": found[0].models}
            await note(connection, by, "upstream.remove", name, before=before)
        await self._workers.publish()
        return found[0]

    async def test(self, name: str) -> Probe | Refused:
        """Make a real call to a provider."""
        async with self._store.reading() as connection:
            stored = await upstreams.get(connection, name)
        return _unknown(name) if stored is None else await self._probe(stored)

    async def _probe(self, stored: StoredUpstream) -> Probe:
        upstream = self._configuration.reach(stored)
        if upstream is None:
            return Probe(
                ok=False, latency_ms=0.0, error="it does not run now, or its credential can't be opened"
            )
        return await probe(upstream, proxy=self._configuration.proxy_to(upstream))

    async def _add_models(self, upstream: str, wanted: Sequence[str], *, by: Principal) -> list[str]:
        """Store models under free names; return the names."""
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            taken = {model.name: model.upstream for model in await models.everything(connection)}
            rows = {}
            for model in wanted:
                name = model if _is_free(model, taken) else f"{upstream}/{model}"
                rows[name] = StoredModel(name, upstream, model, now_ms)
            # What a name cost where it went says nothing of what it costs where it goes now.
            await withdraw(connection, rows.keys() & taken.keys(), by=by)
            await models.put(connection, list(rows.values()))
            if rows:
                await note(connection, by, "upstream.models_add", upstream, after={"models": sorted(rows)})
        return sorted(rows)


def facts(stored: StoredUpstream) -> Facts:
    """Return what the audit log says of an upstream; of its credential, whether there is one."""
    return {"base_url": stored.base_url, "credential": stored.sealed_credential is not None}


def can_be_sent(credential: Secret) -> bool:
    """Say whether a credential can stand in a header; a line end in it would begin another one."""
    text = credential.reveal()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _is_free(name: str, taken: dict[str, str]) -> bool:
    return name not in taken or (name in ALIASES and taken[name] == DEMO)


def _check(name: str, base_url: str, names: Sequence[str]) -> Refused | None:
    if _NAME.fullmatch(name) is None:
        message = "An upstream's name is 1 to 40 of a-z, 0-9 and '-', not beginning with '-'"
        return Refused(Reason.INVALID_MEMBER, message, "name")
    problem = _problem_with(base_url)
    if problem:
        return Refused(Reason.INVALID_MEMBER, problem, "base_url")
    for index, model in enumerate(names):
        if not 0 < len(model) <= NAME_LENGTH or not model.isprintable():
            message = f"A model's name is 1 to {NAME_LENGTH} printable characters"
            return Refused(Reason.INVALID_MEMBER, message, f"models[{index}]")
    return None


def _problem_with(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        port_is_valid = parts.port != 0
    except ValueError:
        return "The base URL is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        return "The base URL begins with https:// or http:// and names a host"
    if parts.username is not None or parts.password is not None:
        return "The base URL must not hold a credential; send it as 'api_key'"
    if (
        parts.query
        or parts.fragment
        or not base_url.isascii()
        or not base_url.isprintable()
        or " " in base_url
    ):
        return "The base URL has no query, no fragment and no blanks"
    return ""


def _unknown(name: str) -> Refused:
    return Refused(Reason.RESOURCE_NOT_FOUND, f"There is no upstream named {name!r}")
