"""Connect providers, try them, disconnect them."""

import difflib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.principal import SCHEDULER, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.providers.catalog import PROVIDERS, at
from keyturn.providers.hosts import COMPATIBLE
from keyturn.providers.provider import Provider
from keyturn.services.audit import Facts, note
from keyturn.services.configuration import Configuration, owner
from keyturn.services.demo_models import ALIASES, DEMO
from keyturn.services.prices import withdraw
from keyturn.services.probe import NAME_LENGTH, Probe, probe
from keyturn.services.workers import Workers
from keyturn.store import models, upstream_rooms, upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredModel
from keyturn.store.upstream_rooms import ANY, Room
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault

NO_LIST = "this provider can't be asked which models an operator has"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Upstream(msgspec.Struct, frozen=True):
    """An upstream and the names of models that go there."""

    stored: StoredUpstream
    models: list[str]
    room: Room = ANY


class Added(msgspec.Struct, frozen=True):
    """A new upstream, and what there is to say about it."""

    upstream: Upstream
    problem: str
    """Why the provider's models could not be listed; empty when they could or were given."""


class NewUpstream(msgspec.Struct, frozen=True):
    """What is asked for. Without ``models`` the provider is asked which it has.

    Attributes:
        name: Where neither ``base_url`` nor ``provider`` is said, the provider's, too.
        base_url: Empty: the provider's own.
        provider: A name of ``providers.catalog``; empty: the one at the base URL.
        further: Credentials for when that one is refused or used up.
    """

    name: str
    base_url: str = ""
    credential: Secret | None = None
    models: Sequence[str] = ()
    provider: str = ""
    further: Sequence[Secret] = ()


class UpstreamChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    max_concurrency: int | msgspec.UnsetType = msgspec.UNSET
    """0: as many as come."""
    requests_per_minute: int | msgspec.UnsetType = msgspec.UNSET
    credentials: Sequence[Secret] | msgspec.UnsetType = msgspec.UNSET
    """All of them, the one that is used first first."""

    def of_room(self) -> dict[str, int]:
        """Return what is said of its room."""
        said = {"max_concurrency": self.max_concurrency, "requests_per_minute": self.requests_per_minute}
        return {name: value for name, value in said.items() if value is not msgspec.UNSET}


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
            rooms = await upstream_rooms.rooms(connection)
        names: dict[str, list[str]] = {}
        for model in known:
            for upstream in {to.upstream for to in model.all_targets}:
                names.setdefault(upstream, []).append(model.name)
        return [Upstream(one, names.get(one.name, []), rooms.get(one.id, ANY)) for one in stored]

    async def show(self, name: str) -> Upstream | Refused:
        """Return the upstream of this name."""
        found = [one for one in await self.everything() if one.stored.name == name]
        return found[0] if found else _unknown(name)

    async def edit(self, name: str, change: UpstreamChange, *, by: Principal) -> Upstream | Refused:
        """Change what it has room for, or its credentials; in force everywhere on return, without a request lost."""
        before = await self.show(name)
        if isinstance(before, Refused):
            return before
        stored = before.stored
        refused = _check_credentials(change.credentials or (), PROVIDERS.get(stored.provider, COMPATIBLE))
        if refused is not None:
            return refused
        sealed = stored.sealed_credentials
        if change.credentials is not msgspec.UNSET:
            sealed = tuple(self._vault.seal(owner(stored.id), one) for one in change.credentials)
            why = await self._get_tokens(stored.having(sealed))
            if why:
                return Refused(Reason.INVALID_MEMBER, f"No access token: {why}", "api_keys")
        room = msgspec.structs.replace(before.room, **change.of_room())
        async with self._store.writing() as connection:
            await upstream_rooms.put_room(connection, stored.id, room)
            if change.credentials is not msgspec.UNSET:
                await upstreams.put_credentials(connection, stored.id, sealed)
            edited: Facts = msgspec.structs.asdict(room)
            if change.credentials is not msgspec.UNSET:
                edited["credentials"] = len(sealed)
            old = {**msgspec.structs.asdict(before.room), "credentials": len(stored.sealed_credentials)}
            await note(
                connection, by, "upstream.edit", name, before={key: old[key] for key in edited}, after=edited
            )
        await self._workers.publish()
        return await self.show(name)

    async def add(self, wanted: NewUpstream, *, by: Principal) -> Added | Refused:
        """Connect a provider; its models can be used everywhere on return."""
        provider = _provider(wanted)
        if isinstance(provider, Refused):
            return provider
        base_url = wanted.base_url.rstrip("/") or provider.base_url
        refused = _check(wanted, base_url, provider)
        if refused is not None:
            return refused
        stored = self._seal(wanted, provider.whole_address(base_url), provider)
        async with self._store.writing() as connection:
            if await upstreams.get(connection, wanted.name) is not None:
                return Refused(Reason.CONFLICT, f"There is an upstream named {wanted.name!r} already", "name")
            await upstreams.add(connection, stored)
            await note(connection, by, "upstream.add", stored.name, after=facts(stored))
        names, problem = wanted.models, ""
        if names:
            problem = await self._get_tokens(stored)
        else:
            found = await self._probe(stored)
            names, problem = found.models, found.error
            if not problem and not provider.lists_models:
                problem = NO_LIST
        added = await self._add_models(stored.name, names, by=by)
        await self._workers.publish()
        return Added(Upstream(stored, added), problem)

    def _seal(self, wanted: NewUpstream, base_url: str, provider: Provider) -> StoredUpstream:
        """Return what is stored, under an identifier of its own."""
        upstream_id = system.new_id(ids.UPSTREAM)
        given = [*((wanted.credential,) if wanted.credential else ()), *wanted.further]
        sealed = tuple(self._vault.seal(owner(upstream_id), one) for one in given)
        return StoredUpstream(
            upstream_id,
            wanted.name,
            base_url,
            sealed[0] if sealed else None,
            system.now_ms(),
            provider.id,
            sealed[1:],
        )

    async def fill_each(self, names: Sequence[str]) -> None:
        """Ask one upstream after the other, so that of two with the same models it is always the first that has them."""
        for name in names:
            await self.fill(name)

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
        """Disconnect a provider; nothing goes there any more on return. Models that go nowhere else are dropped."""
        found = await self.show(name)
        if isinstance(found, Refused):
            return found
        async with self._store.writing() as connection:
            kept = await _leave(connection, name)
            await upstreams.remove(connection, name)
            await withdraw(connection, [model for model in found.models if model not in kept], by=by)
            before: Facts = {**facts(found.stored), "models": found.models}
            await note(connection, by, "upstream.remove", name, before=before)
        await self._workers.publish()
        return found

    async def test(self, name: str) -> Probe | Refused:
        """Make a real call to a provider."""
        async with self._store.reading() as connection:
            stored = await upstreams.get(connection, name)
        return _unknown(name) if stored is None else await self._probe(stored)

    async def renew_tokens(self) -> None:
        """Get access tokens where there are none or soon none, and hand them to the workers."""
        async with self._store.reading() as connection:
            stored = await upstreams.everything(connection)
        before = self._configuration.tokens.count
        for one in stored:
            why = await self._get_tokens(one)
            if why:
                structlog.get_logger().error("no access token", upstream=one.name, why=why)
        if self._configuration.tokens.count != before:
            await self._workers.publish()

    async def _get_tokens(self, stored: StoredUpstream) -> str:
        """Get the access tokens that are due; return why one could not be had, empty when all are there."""
        tokens = self._configuration.tokens
        problems = [await tokens.renew(one) for one in self._configuration.key_files(stored)]
        return next(filter(None, problems), "")

    async def _probe(self, stored: StoredUpstream) -> Probe:
        why = await self._get_tokens(stored)
        if why:
            return Probe(ok=False, latency_ms=0.0, error=why)
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
            known = await models.everything(connection)
            # What the operator has spread over several targets is nobody's to replace.
            taken = {model.name: "" if model.targets else model.upstream for model in known}
            rows = {}
            for model in wanted:
                name = model if _is_free(model, taken) else f"{upstream}/{model}"
                if name not in taken or taken[name] == upstream or _is_free(name, taken):
                    rows[name] = StoredModel(name, upstream, model, now_ms)
            # What a name cost where it went says nothing of what it costs where it goes now.
            await withdraw(connection, rows.keys() & taken.keys(), by=by)
            await models.put(connection, list(rows.values()))
            if rows:
                await note(connection, by, "upstream.models_add", upstream, after={"models": sorted(rows)})
        return sorted(rows)


async def _leave(connection: AsyncConnection, upstream: str) -> set[str]:
    """Take an upstream out of models that have other targets; return their names."""
    left = []
    for model in await models.everything(connection):
        staying = [one for one in model.all_targets if one.upstream != upstream]
        if 0 < len(staying) < len(model.all_targets):
            left.append(model.to(staying))
    await models.put(connection, left)
    return {one.name for one in left}


def facts(stored: StoredUpstream) -> Facts:
    """Return what the audit log says of an upstream; of its credentials, how many there are."""
    return {
        "provider": stored.provider,
        "base_url": stored.base_url,
        "credential": stored.sealed_credential is not None,
        "credentials": len(stored.sealed_credentials),
    }


def _is_free(name: str, taken: dict[str, str]) -> bool:
    return name not in taken or (name in ALIASES and taken[name] == DEMO)


def _provider(wanted: NewUpstream) -> Provider | Refused:
    """Return who is meant: the one named, else the one at the base URL, else the one of the upstream's name.

    A name alone does not say who is at an address, unless that provider has no other: calling a server of one's own
    ``openai`` is common, and nobody calls one ``bedrock`` who does not mean it.
    """
    if not wanted.provider and wanted.base_url:
        there, named = at(wanted.base_url.rstrip("/")), PROVIDERS.get(wanted.name)
        return named if there is COMPATIBLE and named is not None and named.address else there
    found = PROVIDERS.get(wanted.provider or wanted.name)
    if found is not None:
        return found
    if not wanted.provider:
        return Refused(Reason.INVALID_MEMBER, "Say a base URL, or which provider it is", "base_url")
    near = difflib.get_close_matches(wanted.provider, PROVIDERS, 3)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return Refused(Reason.INVALID_MEMBER, f"There is no provider {wanted.provider!r}{meant}", "provider")


def _check(wanted: NewUpstream, base_url: str, provider: Provider) -> Refused | None:
    if _NAME.fullmatch(wanted.name) is None:
        message = "An upstream's name is 1 to 40 of a-z, 0-9 and '-', not beginning with '-'"
        return Refused(Reason.INVALID_MEMBER, message, "name")
    if not base_url:
        message = f"Each operator's address of {provider.title} is another: {provider.address}"
        return Refused(Reason.INVALID_MEMBER, message, "base_url")
    problem = _problem_with(base_url) or provider.problem_with_address(base_url)
    if problem:
        return Refused(Reason.INVALID_MEMBER, problem, "base_url")
    if wanted.credential is not None:
        problem = provider.problem_with_credential(wanted.credential.reveal())
        if problem:
            return Refused(Reason.INVALID_MEMBER, problem, "api_key")
    return _check_credentials(wanted.further, provider) or _check_names(wanted.models)


def _check_credentials(credentials: Sequence[Secret], provider: Provider) -> Refused | None:
    for index, credential in enumerate(credentials):
        problem = provider.problem_with_credential(credential.reveal())
        if problem:
            return Refused(Reason.INVALID_MEMBER, problem, f"api_keys[{index}]")
    return None


def _check_names(names: Sequence[str]) -> Refused | None:
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
        return "The base URL must not hold a credential: that has a field of its own"
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
