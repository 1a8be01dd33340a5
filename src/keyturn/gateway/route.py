"""Where one model goes and what it costs there, worked out when the configuration comes."""

import math
from collections.abc import Sequence
from urllib.parse import quote

from keyturn.domain.models import Target
from keyturn.domain.prices import PER_MILLION, PriceVersion, cost_nano_usd, next_step_ms, version_at
from keyturn.domain.usage import Usage
from keyturn.gateway.paths import Operation
from keyturn.gateway.relay import Pool
from keyturn.gateway.routing import Standing, UpstreamState
from keyturn.gateway.ways import Way, find_way

_PLAIN = "/:@._-~+,"
"""Stands in a header's value and in a trace as it is."""


class Route:
    """Where a model goes and what it costs: its target, the pool of connections and the ways there, worked out once.

    Never changed: when the price does, another one takes its place, so that a request ends at the price it began with.

    Attributes:
        state: What is known of the upstream.
        standing: How the target is doing.
        name: ``upstream/model``, percent-encoded.
        told: The header line that tells it.
        among: All routes of a model that has several, this one among them.
        by_token: Tokens have a price.
        counts_tokens: They may have at any target of the model.
        priced: Somebody has said what the model costs.
        price_id: The version of the price; empty: none.
        output_cap: The most tokens that the model writes; 0: nobody knows.
    """

    __slots__ = (
        "_cached_extra",
        "_input",
        "_output",
        "_price",
        "_reasoning_extra",
        "_ways",
        "_write_extra",
        "among",
        "by_token",
        "counts_tokens",
        "dearest_input",
        "dearest_output",
        "name",
        "output_cap",
        "pool",
        "price_id",
        "priced",
        "standing",
        "state",
        "target",
        "told",
    )

    def __init__(
        self,
        target: Target,
        pool: Pool,
        state: UpstreamState,
        standing: Standing,
        version: PriceVersion | None = None,
    ) -> None:
        self.target = target
        self.pool = pool
        self.state = state
        self.standing = standing
        self._ways: tuple[dict[str, Way | None], dict[str, Way | None]] = {}, {}
        self.name = f"{target.upstream}/{quote(target.model, safe=_PLAIN)}"
        self.told = f"x-keyturn-target: {self.name}\r\n".encode()
        self.among: tuple[Route, ...] = ()
        self.output_cap = target.output_cap
        price = None if version is None else version.price
        self._price = price
        self.priced = price is not None
        self.price_id = "" if version is None else version.id
        self._input = self._output = self._cached_extra = self._write_extra = self._reasoning_extra = 0
        if price is not None:
            self._input, self._output = price.input_nano_usd, price.output_nano_usd
            self._cached_extra, self._write_extra = price.cached_extra, price.write_extra
            self._reasoning_extra = price.reasoning_extra
        self.by_token = bool(self._input or self._output)
        self.counts_tokens = self.by_token or not self.priced
        self.dearest_input = self._input + max(0, self._cached_extra, self._write_extra)
        self.dearest_output = self._output + max(0, self._reasoning_extra)

    @classmethod
    def joined(cls, routes: Sequence["Route"]) -> "Route":
        """Make routes those of one model, at whose dearest is reserved; return the first."""
        if len(routes) > 1:
            dearest_input = max(one.dearest_input for one in routes)
            dearest_output = max(one.dearest_output for one in routes)
            output_cap = max(one.output_cap for one in routes)
            counts_tokens = any(one.counts_tokens for one in routes)
            for one in routes:
                one.among = tuple(routes)
                one.dearest_input, one.dearest_output = dearest_input, dearest_output
                one.output_cap, one.counts_tokens = output_cap, counts_tokens
        return routes[0]

    def priced_at(self, now_ms: int) -> tuple["Route", float]:
        """Return the same way at the prices of a time, itself where they are the same, and when they change next."""
        routes = self.among or (self,)
        versions = [version_at(one.target.prices, now_ms) for one in routes]
        changes = [next_step_ms(one.target.prices, now_ms) or math.inf for one in routes]
        new = self
        if any(
            one.price_id != ("" if at is None else at.id) for one, at in zip(routes, versions, strict=True)
        ):
            new = Route.joined(
                [
                    Route(one.target, one.pool, one.state, one.standing, at)
                    for one, at in zip(routes, versions, strict=True)
                ]
            )
        return new, min(changes)

    def way(self, operation: Operation, *, stream: bool) -> Way | None:
        """Return how an operation reaches the model; ``None``: it can't."""
        ways = self._ways[stream]
        try:
            return ways[operation.name]
        except KeyError:
            ways[operation.name] = found = find_way(self.state, operation, self.target.model, stream=stream)
            return found

    def withhold(self, text: bytes) -> bytes:
        """Take our credentials out of what a provider says about them."""
        return self.state.withhold(text)

    def cost(
        self,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        reasoning_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> int:
        """Price tokens as ``domain.prices.cost_nano_usd`` does, from integers at hand; 0 when unpriced."""
        return -(
            -(
                input_tokens * self._input
                + output_tokens * self._output
                + cached_tokens * self._cached_extra
                + reasoning_tokens * self._reasoning_extra
                + cache_write_tokens * self._write_extra
            )
            // PER_MILLION
        )

    def ceiling(self, input_tokens: int, output_tokens: int) -> int:
        """Return the most that so many tokens can cost, whichever of them are cached, written or reasoning.

        Of a model with several targets that is the most at any of them.
        """
        return -(-(input_tokens * self.dearest_input + output_tokens * self.dearest_output) // PER_MILLION)

    def cost_of(self, usage: Usage) -> int:
        """Price all that was used, images, audio and spoken text, too; 0 when unpriced."""
        return 0 if self._price is None else cost_nano_usd(self._price, usage)

    def ceiling_of_units(self, usage: Usage) -> int:
        """Price what is not tokens; of a model with several targets that is the most at any of them."""
        units = _units(usage)
        return max(one.cost_of(units) for one in self.among or (self,))

    def counted(self, usage: Usage) -> Usage:
        """Return what counts of what a request may use: no tokens, where the model is sold by the piece only."""
        return usage if self.counts_tokens else _units(usage)


def _units(usage: Usage) -> Usage:
    return Usage(images=usage.images, audio_ms=usage.audio_ms, characters=usage.characters)
