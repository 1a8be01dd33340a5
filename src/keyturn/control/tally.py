"""Adds up what stands in a stretch of a journal. Pure; its loop runs for every request served.

Beside the loop's own 3 us a request nothing may be done per request: what can be done per group of
requests (key, model, status, minute) is.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import add
from typing import Any

import msgspec

from keyturn.domain.anomalies import OUT_OF_SCOPE, Tried
from keyturn.domain.journal import ADMITTED, REFUSED, Admitted, Served, Used
from keyturn.domain.latency import combine, single
from keyturn.domain.periods import PERIODS
from keyturn.domain.usage import Source
from keyturn.store.journals import Batch, KeyUsageRow, OverallRow, SecretUseRow
from keyturn.store.requests import STRETCH_WIDTH
from keyturn.store.series import RollupRow

BLOCK_LENGTH = 64
"""Requests in one row of the store: about 10 KiB."""
RECOVERED = "recovered"
"""The outcome of a request whose worker died."""
MINUTE_US = 60_000_000
_ARRAY_16 = 0xDC
_QUERY = "query"
_FORBIDDEN = 403
_REPORTED, _RECOVERED = Source.REPORTED.value, Source.RECOVERED.value

Group = tuple[str, str, int, str, str, int]
"""Key, model, status, operation, upstream, minute since 1970 UTC."""
Sums = list[Any]
"""Requests, input, output, cached and reasoning tokens, nano-dollars, errors, estimated, recovered, unpriced; then the
durations and the times to the first byte as histograms, in arrays of bytes.

One flat list, because nothing else is made for a group of requests that may well be of one.
"""
SHORT_HISTOGRAM = 64
"""Bytes; a longer one is worth making short before it is stored."""
ANSWERED, CLIENT_LEFT = "ok", "client_left"
"""Outcomes that are nobody's fault; what was answered may be the provider's refusal, though."""
LEAST_REFUSAL = 400
"""The first status that is one."""


class _Begun(msgspec.Struct, frozen=True, array_like=True, tag=ADMITTED, gc=False):
    """The part of ``Admitted`` that matters while its ``Served`` may still come: decoding the rest costs 0.3 us."""

    request_id: str


class _Refused(msgspec.Struct, frozen=True, array_like=True, tag=REFUSED, gc=False):
    """The part of ``Refused`` that says where it belongs, and what was refused to whom: nothing is added up."""

    request_id: str
    key_id: str
    reason: str
    status: int
    at_us: int
    operation: str
    path: str
    model: str
    location: str
    address: str


_decode = msgspec.msgpack.Decoder(_Begun | Served | _Refused | Used).decode
_encode = msgspec.msgpack.Encoder().encode


class Tally:
    """What a batch comes to so far."""

    def __init__(self) -> None:
        self.read = 0
        """Payloads taken in."""
        self.tried: list[Tried] = []
        """What keys may not do and tried."""
        self._begun: dict[str, bytes] = {}
        self._settled: list[tuple[str]] = []
        self._groups: dict[Group, Sums] = {}
        self._stretches: dict[str, tuple[list[str], list[bytes]]] = {}
        self._in_url: set[str] = set()
        self._last: dict[str, Served] = {}
        """The last request by secret; by key where the record does not name the secret."""
        self._uses: dict[tuple[str, str], Used] = {}
        """The last other use by secret and address."""

    def add(self, payloads: Sequence[bytes]) -> None:
        """Take in records in the order they were written.

        Raises:
            msgspec.DecodeError: One is not a record that this program knows; ``read`` says how many before it were
                taken in.
        """
        begun, settled, serve = self._begun, self._settled, self._serve
        read = self.read
        try:
            for payload in payloads:
                record = _decode(payload)
                if type(record) is _Begun:
                    begun[record.request_id] = payload
                elif type(record) is _Refused:
                    self._keep(record.request_id, payload)
                    if record.status == _FORBIDDEN and record.key_id:
                        self._note_refused(record)
                elif type(record) is Used:
                    self._uses[record.secret_id, record.address] = record
                    if record.location == _QUERY:
                        self._in_url.add(record.key_id)
                else:
                    if begun.pop(record.request_id, None) is None:
                        settled.append((record.request_id,))
                    serve(record, payload)
                read += 1
        finally:
            self.read = read

    def recover(self, orphans: Iterable[Admitted]) -> None:
        """Settle requests of a dead worker at their reservation."""
        for orphan in orphans:
            self._settled.append((orphan.request_id,))
            self._serve(served := settle(orphan), _encode(served))

    def batch(self, *, journal: str, worker: str, position: int, finished: bool) -> Batch:
        """Return what to write."""
        return Batch(
            journal=journal,
            position=position,
            finished=finished,
            admitted=[(request_id, worker, payload) for request_id, payload in self._begun.items()],
            settled=self._settled,
            blocks=self._blocks(),
            rollups=self._rollups(),
            overall=self._overall(),
            keys=self._keys(),
            secrets=self._secrets(),
            named=self._named(),
        )

    def _serve(self, record: Served, payload: bytes) -> None:
        key_id = record.key_id
        minute = record.started_us // MINUTE_US
        group = key_id, record.model, record.status, record.operation, record.upstream, minute
        sums = self._groups.get(group)
        if sums is None:
            sums = self._groups[group] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytearray(), bytearray()]
        sums[0] += 1
        sums[1] += record.input_tokens
        sums[2] += record.output_tokens
        sums[3] += record.cached_tokens
        sums[4] += record.reasoning_tokens
        sums[5] += record.cost_nano_usd
        if record.outcome != CLIENT_LEFT and (record.outcome != ANSWERED or record.status >= LEAST_REFUSAL):
            sums[6] += 1
        if record.source != _REPORTED:
            sums[8 if record.source == _RECOVERED else 7] += 1
        if not record.priced:
            sums[9] += 1
        if record.total_us:
            sums[10] += single(record.total_us)
        if record.first_byte_us:
            sums[11] += single(record.first_byte_us)
        self._last[record.secret_id or key_id] = record
        if record.location == _QUERY:
            self._in_url.add(key_id)
        self._keep(record.request_id, payload)

    def _keep(self, request_id: str, payload: bytes) -> None:
        try:
            request_ids, payloads = self._stretches[request_id[:STRETCH_WIDTH]]
        except KeyError:
            request_ids, payloads = self._stretches[request_id[:STRETCH_WIDTH]] = [], []
        request_ids.append(request_id)
        payloads.append(payload)

    def _note_refused(self, record: _Refused) -> None:
        if record.reason in OUT_OF_SCOPE:
            operation = f"{record.operation} {record.model}".strip()
            at = record.at_us / 1e6
            self.tried.append(Tried(record.key_id, operation, at, record.address, record.request_id))

    def _blocks(self) -> list[tuple[str, str, bytes]]:
        blocks = []
        for request_ids, payloads in self._stretches.values():
            for start in range(0, len(payloads), BLOCK_LENGTH):
                inside = request_ids[start : start + BLOCK_LENGTH]
                head = bytes((_ARRAY_16, 0, len(inside)))
                records = head + b"".join(payloads[start : start + BLOCK_LENGTH])
                blocks.append((min(inside), max(inside), records))
        return blocks

    def _rollups(self) -> list[RollupRow]:
        return [
            (group[-1] * 60, group[:-1], *sums[:10], _short(sums[10]), _short(sums[11]))
            for group, sums in self._groups.items()
        ]

    def _overall(self) -> list[OverallRow]:
        """Sum up over all keys: a handful of rows."""
        shared: dict[tuple[int, str, int, str, str], Sums] = {}
        for (_, model, status, operation, upstream, minute), sums in self._groups.items():
            slot = minute, model, status, operation, upstream
            found = shared.get(slot)
            if found is None:
                shared[slot] = [*sums[:10], sums[10][:], sums[11][:]]
            else:
                found[:10] = map(add, found[:10], sums)
                found[10] += sums[10]
                found[11] += sums[11]
        return [
            (
                period,
                minute * 60 // length_s * length_s,
                *common,
                *sums[:10],
                _short(sums[10]),
                _short(sums[11]),
            )
            for (minute, *common), sums in shared.items()
            for period, length_s in PERIODS
        ]

    def _keys(self) -> list[KeyUsageRow]:
        keys: dict[str, Sums] = {}
        for group, sums in self._groups.items():
            key_id = group[0]
            found = keys.get(key_id)
            if found is None:
                keys[key_id] = [sums[0], sums[1], sums[2], sums[5]]
                continue
            found[0] += sums[0]
            found[1] += sums[1]
            found[2] += sums[2]
            found[3] += sums[5]
        last: dict[str, tuple[int, str]] = {}
        for key_id, _, use in self._all_uses():
            last[key_id] = max(last.get(key_id, use), use)
        nothing = [0, 0, 0, 0]
        return [
            (key_id, *keys.get(key_id, nothing), *used, key_id in self._in_url)
            for key_id, used in last.items()
        ]

    def _all_uses(self) -> Iterator[tuple[str, str, tuple[int, str]]]:
        """Yield key, secret (perhaps empty), and when (ms) and from where it was used."""
        for served in self._last.values():
            yield served.key_id, served.secret_id, (served.started_us // 1000, served.address)
        for use in self._uses.values():
            yield use.key_id, use.secret_id, (use.at_us // 1000, use.address)

    def _secrets(self) -> list[SecretUseRow]:
        return [(secret_id, address, at) for _, secret_id, (at, address) in self._all_uses() if secret_id]

    def _named(self) -> list[SecretUseRow]:
        return [(use.secret_id, use.address, use.at_us // 1000) for use in self._uses.values()]


def _short(histogram: bytearray) -> bytes:
    return bytes(histogram) if len(histogram) <= SHORT_HISTOGRAM else combine(histogram)


def settle(orphan: Admitted) -> Served:
    """Return the record of a request that was let in and whose end nobody wrote down: it used its reservation."""
    return Served(
        request_id=orphan.request_id,
        key_id=orphan.key_id,
        model=orphan.model,
        upstream=orphan.upstream,
        upstream_model="",
        operation=orphan.operation,
        status=0,
        started_us=orphan.started_us,
        auth_us=0,
        sent_us=0,
        first_byte_us=0,
        total_us=0,
        input_tokens=orphan.input_tokens,
        output_tokens=orphan.output_tokens,
        cached_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=orphan.cost_nano_usd,
        priced=orphan.cost_nano_usd > 0,
        source=Source.RECOVERED,
        streamed=False,
        outcome=RECOVERED,
        location="",
        address=orphan.address,
    )
