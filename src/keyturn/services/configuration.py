"""What workers need to know beside keys: where each model goes, and how to get there."""

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
import structlog

from keyturn import bus, system
from keyturn.config.proxies import proxy_for
from keyturn.config.sections import Relay
from keyturn.domain.models import STAR, Sold, Target
from keyturn.domain.prices import from_now_on
from keyturn.providers.catalog import PROVIDERS
from keyturn.services import pricing
from keyturn.services.access_tokens import AccessTokens
from keyturn.services.pricing import PriceRules, Pricing
from keyturn.store import foreign_shapes, models, upstream_rooms, upstreams
from keyturn.store.engine import Store
from keyturn.store.models import StoredModel, StoredTarget
from keyturn.store.upstreams import StoredUpstream
from keyturn.store.vault import Vault, VaultError

DEMO_URL = "demo://local"
"""The demo upstream's address in the store: its port is another at every start."""


def owner(upstream_id: str) -> str:
    """Return what an upstream's sealed credential is bound to."""
    return f"upstream:{upstream_id}"


class Known(msgspec.Struct, frozen=True):
    """What a snapshot tells workers."""

    models: dict[str, Target]
    """Where each name goes, or the first of the places."""
    upstreams: dict[str, bus.Upstream]
    foreign_shapes: frozenset[tuple[str, int]] = frozenset()
    others: dict[str, tuple[Target, ...]] = {}
    """The further targets of names that have several."""
    access: bus.Access = bus.Access()


class Configuration:
    """Reads the store for a snapshot."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        *,
        demo_port: int,
        rules: PriceRules,
        relay: Relay = Relay(),  # noqa: B008 -- frozen
        tokens: AccessTokens | None = None,
        access: Callable[[], bus.Access] = bus.Access,
    ) -> None:
        """Take in where things are.

        Args:
            store: Models and upstreams.
            vault: Opens credentials.
            demo_port: Where the demo upstream listens on 127.0.0.1; 0 when it does not run.
            rules: What models cost beside what the operator has said of them.
            relay: Which proxy leads to providers.
            tokens: What stands for credentials that are not sent themselves.
            access: Says what the settings say now of those who come.
        """
        self.tokens = tokens or AccessTokens(relay)
        self._store = store
        self._vault = vault
        self._demo_port = demo_port
        self._rules = rules
        self._relay = relay
        self._access = access

    async def read(self) -> Known:
        """Return models and upstreams by name; what goes to an upstream that can't be used now is left out."""
        async with self._store.reading() as connection:
            stored_upstreams = await upstreams.everything(connection)
            stored_models = await models.everything(connection)
            shapes = await foreign_shapes.everything(connection)
            known = await pricing.read(connection, self._rules)
            rooms = await upstream_rooms.rooms(connection)
        now_ms = system.now_ms()
        usable = {}
        for stored in stored_upstreams:
            upstream = self.reach(stored)
            if upstream is not None:
                room = rooms.get(stored.id, upstream_rooms.ANY)
                usable[stored.name] = msgspec.structs.replace(
                    upstream,
                    max_concurrency=room.max_concurrency,
                    requests_per_minute=room.requests_per_minute,
                )
        first, others = {}, {}
        for model in stored_models:
            targets = [
                _target(model, one, known, now_ms) for one in model.all_targets if one.upstream in usable
            ]
            if targets:
                first[model.name] = targets[0]
            if len(targets) > 1:
                others[model.name] = tuple(targets[1:])
        return Known(first, usable, shapes, others, self._access())

    def key_files(self, stored: StoredUpstream) -> list[str]:
        """Return the credentials that access tokens have to be got for, in the clear; none that don't open."""
        provider = PROVIDERS.get(stored.provider)
        if provider is None or not provider.exchanges:
            return []
        return list(self._opened(stored) or ())

    def proxy_to(self, upstream: bus.Upstream) -> str:
        """Return the proxy that leads to a provider, empty for none."""
        return proxy_for(upstream.base_url, self._relay)

    def reach(self, stored: StoredUpstream) -> bus.Upstream | None:
        """Return an upstream with its credentials in the clear, ``None`` when it can't be used now; that is logged."""
        if stored.provider not in PROVIDERS:
            structlog.get_logger().error(
                "an upstream can't be used", upstream=stored.name, why=f"nobody knows {stored.provider!r}"
            )
            return None
        base_url = stored.base_url
        if base_url == DEMO_URL:
            if not self._demo_port:
                return None
            root = urlsplit(PROVIDERS[stored.provider].base_url).path or "/v1"
            base_url = f"http://127.0.0.1:{self._demo_port}{root}"
        credentials = self._opened(stored)
        if credentials and PROVIDERS[stored.provider].exchanges:
            credentials = tuple(filter(None, map(self.tokens.held, credentials))) or None
        if credentials is None:
            return None
        return bus.Upstream(
            stored.name, base_url, credentials[0] if credentials else "", stored.provider, credentials
        )

    def _opened(self, stored: StoredUpstream) -> tuple[str, ...] | None:
        """Return an upstream's credentials in the clear, ``None`` where one does not open; that is logged."""
        try:
            secrets = [self._vault.unseal(owner(stored.id), one) for one in stored.sealed_credentials]
        except VaultError as error:
            structlog.get_logger().error("an upstream can't be used", upstream=stored.name, why=str(error))
            return None
        return tuple(one.reveal() for one in secrets)


def _target(model: StoredModel, target: StoredTarget, known: Pricing, now_ms: int) -> Target:
    listed = known.listed(target.upstream, target.model)
    sold = {}
    if STAR in target.model:
        for name in known.names_like(target.upstream, target.model):
            found = known.listed(target.upstream, name)
            steps = from_now_on(known.steps(model.name, target.upstream, name), now_ms)
            sold[name] = Sold(steps, 0 if found is None else found.output_cap)
    return Target(
        target.upstream,
        target.model,
        from_now_on(known.steps(model.name, target.upstream, target.model), now_ms),
        model.created_at // 1000,
        0 if listed is None else listed.output_cap,
        target.terms,
        sold,
    )
