"""Queries for usage by any dimension, over time.

A report is asked for as steps, each made up of spans that one period covers exactly. Every span is one range of the
primary key. Six ways lead to the rows:

=========  ==================================  =======================================================
way        when                                reads
=========  ==================================  =======================================================
totals     all requests are meant              ``totals``: a row an hour
ranked     keys or their owners are ranked     ``key_sums``, remembered
overall    nothing asks whose a request was    ``overall``: some dozen rows an hour
owned      only owners of keys are asked for   ``owner_sums``: a row an hour and owner; minutes the way below
single     few series are meant                ``rollups``, each row by its whole key
ranges     otherwise                           ``rollups``, everything in the spans
=========  ==================================  =======================================================

Written as text, because the order of the joins is what makes it fast, and only ``CROSS JOIN`` keeps it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import add

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import PERIODS, Span
from keyturn.domain.restrictions import allows_name
from keyturn.store.key_sums import FIGURES, Figures, KeySums, added
from keyturn.store.usage_rows import (
    COUNTS,
    Dimension,
    Step,
    UsageFilter,
    UsageRow,
    minutes_apart,
    put_together,
)

SINGLE_ROWS = 60_000
"""As many rows are looked for one by one; to read a month of everything takes longer from there on."""
_LENGTHS = dict(PERIODS)
_OWNERS = {Dimension.KEY, Dimension.PROJECT, Dimension.ACCOUNT, Dimension.USER}
_WHOSE = {None, *_OWNERS} - {Dimension.KEY}
"""What ``owner_sums`` can be grouped by."""
_GROUPS = {
    Dimension.KEY: "s.key_id",
    Dimension.PROJECT: "coalesce(k.project_id, '')",
    Dimension.ACCOUNT: "coalesce(p.account_id, '')",
    Dimension.USER: "coalesce(k.user_id, '')",
    Dimension.MODEL: "s.model",
    Dimension.STATUS: "s.status",
    Dimension.OPERATION: "s.operation",
    Dimension.UPSTREAM: "s.upstream",
}
_OWNER_COLUMNS = {
    "key_id": "s.key_id",
    "user_id": "k.user_id",
    "reach_user_id": "k.user_id",
    "project_id": "k.project_id",
    "reach_project_id": "k.project_id",
    "account_id": "p.account_id",
    "reach_account_id": "p.account_id",
}
_NEED_OWNER = _OWNER_COLUMNS.keys() - {"key_id"}
_OWNED = " JOIN keys k ON k.id = s.key_id JOIN projects p ON p.id = k.project_id"
_NAMES = {
    Dimension.KEY: "SELECT id, name FROM keys",
    Dimension.PROJECT: "SELECT id, name FROM projects",
    Dimension.ACCOUNT: "SELECT id, name FROM accounts",
    Dimension.USER: "SELECT id, email FROM users",
}
_SPANS = """
span (step, period, since, until) AS MATERIALIZED (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]')
    FROM json_each(:spans)
)
"""


class _Ask(msgspec.Struct, frozen=True):
    """A query, but for what to sum up."""

    query: Callable[[Callable[[str], str]], str]
    values: dict[str, object]


async def ranking(
    connection: AsyncConnection, spans: Sequence[Span], by: Dimension, wanted: UsageFilter, key_sums: KeySums
) -> Mapping[str, Figures]:
    """Return what to rank groups by, of all that there are. Reads no histograms, which are most of what is kept."""
    if by not in _OWNERS or _asks_more_than_owners(wanted):
        return await _figures(connection, spans, by, wanted)

    async def of_hours(span: Span) -> Mapping[str, Figures]:
        return await _figures(connection, [span], Dimension.KEY, UsageFilter())

    whole = await key_sums.of(connection, (span for span in spans if span.period != "minute"), of_hours)
    found = await _of_owners(connection, whole, by, wanted)
    rest = [span for span in spans if span.period == "minute"]
    return added(found, await _figures(connection, rest, by, wanted)) if rest else found


async def _figures(
    connection: AsyncConnection, spans: Sequence[Span], by: Dimension, wanted: UsageFilter
) -> dict[str, Figures]:
    def sums(table: str) -> str:
        return ", ".join(f"sum({table}.{name}) AS {name}" for name in FIGURES)

    ask = await _prepare(connection, [Step(0, 0, spans)], by, wanted, None)
    found = await connection.execute(text(ask.query(sums)), ask.values)
    return {str(row[1]): tuple(row[2:]) for row in found}


async def _of_owners(
    connection: AsyncConnection, of_keys: Mapping[str, Figures], by: Dimension, wanted: UsageFilter
) -> Mapping[str, Figures]:
    """Sum up by the owners of keys; a key without one counts as nobody's, unless somebody's are wanted."""
    where, values = await _narrow(connection, by, wanted, None, "s")
    if by is Dimension.KEY and not where:
        return of_keys
    group = "k.id" if by is Dimension.KEY else _GROUPS[by]
    query = f"SELECT k.id, {group} FROM keys k JOIN projects p ON p.id = k.project_id {where}"  # noqa: S608 -- constants
    owners = {row[0]: row[1] for row in await connection.execute(text(query), values)}
    found: dict[str, Figures] = {}
    for key_id, figures in of_keys.items():
        owner = owners.get(key_id, None if where else "")
        if owner is not None:
            known = found.get(owner)
            found[owner] = figures if known is None else tuple(map(add, known, figures))
    return found


async def owners(connection: AsyncConnection, by: Dimension, key_ids: Iterable[str]) -> dict[str, str]:
    """Return whose each of some keys is; nobody's where it is not in there or empty."""
    query = text(
        f"SELECT k.id, {_GROUPS[by]} FROM json_each(:keys) one "  # noqa: S608 -- constants
        "JOIN keys k ON k.id = one.value JOIN projects p ON p.id = k.project_id"
    )
    found = await connection.execute(query, {"keys": msgspec.json.encode(sorted(key_ids)).decode()})
    return {row[0]: row[1] for row in found}


async def report(
    connection: AsyncConnection,
    steps: Sequence[Step],
    by: Dimension | None,
    wanted: UsageFilter,
    only: Sequence[str] | None = None,
) -> list[UsageRow]:
    """Sum up the requests of each step, and of each group in it, in no order; where there are none is no row.

    Args:
        connection: To the store.
        steps: Of which time.
        by: What to group by; ``None``: not at all.
        wanted: Which requests count.
        only: The groups that count; ``None``: all.
    """
    owned = by in _WHOSE and (by is not None or _asks_whose(wanted)) and not _asks_more_than_owners(wanted)
    # Minutes of owners by themselves, so that their hours are read the quick way.
    parts = minutes_apart(steps) if owned else [steps]
    rows: list[UsageRow] = []
    for part in parts:
        ask = await _prepare(connection, part, by, wanted, only)
        found = await connection.execute(text(ask.query(_sums)), ask.values)
        rows += [UsageRow(row[0], str(row[1]), *row[2:]) for row in found]
    return rows if len(parts) == 1 else put_together(rows)


async def names(connection: AsyncConnection, by: Dimension, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of keys, projects, accounts or users, deleted ones too; other groups are their own names."""
    if by not in _NAMES:
        return {}
    query = text(f"SELECT * FROM ({_NAMES[by]}) WHERE id IN (SELECT value FROM json_each(:ids))")  # noqa: S608
    wanted = {"ids": msgspec.json.encode(sorted(set(ids))).decode()}
    return {row[0]: row[1] for row in await connection.execute(query, wanted)}


async def _prepare(
    connection: AsyncConnection,
    steps: Sequence[Step],
    by: Dimension | None,
    wanted: UsageFilter,
    only: Sequence[str] | None,
) -> _Ask:
    """Choose the way to the rows."""
    if by not in _OWNERS and not _asks_whose(wanted):
        where, values = await _narrow(connection, by, wanted, only, "r")
        table = "overall" if by or where else "totals"
        return _Ask(partial(_from_sums, table, by, where), {"spans": _ranges(steps), **values})
    if by in _WHOSE and not _asks_more_than_owners(wanted) and _by_the_hour(steps):
        return await _of_whose(connection, steps, by, wanted, only)
    series = None
    if wanted != UsageFilter() or only is not None:
        series = await _series(connection, by, wanted, only)
    if series is None or len(series) * _moments(steps) > SINGLE_ROWS:
        query, spans = partial(_by_ranges, by, series is not None), _ranges(steps)
    else:
        query, spans = partial(_one_by_one, by), _starts(steps)
    values = {"spans": spans}
    if series is not None:
        values["series"] = msgspec.json.encode(series).decode()
    return _Ask(query, values)


async def _of_whose(
    connection: AsyncConnection,
    steps: Sequence[Step],
    by: Dimension | None,
    wanted: UsageFilter,
    only: Sequence[str] | None,
) -> _Ask:
    """Choose the way to the sums of owners: each of a few by its whole key, or all and what is meant of them."""
    where, values = await _narrow(connection, by, wanted, only, "k")
    if where:
        query = f"SELECT DISTINCT k.project_id, coalesce(k.user_id, '') FROM keys k JOIN projects p ON p.id = k.project_id {where}"  # noqa: S608 -- constants
        pairs = [tuple(row) for row in await connection.execute(text(query), values)]
        if only is not None and "" in only and not _asks_whose(wanted):
            pairs.append(("", ""))  # of keys that nobody knows
        if len(pairs) * _moments(steps) <= SINGLE_ROWS:
            given: dict[str, object] = {"spans": _starts(steps), "pairs": msgspec.json.encode(pairs).decode()}
            return _Ask(partial(_from_pairs, by), given)
    return _Ask(partial(_from_owners, by, where), {"spans": _ranges(steps), **values})


def _asks_whose(wanted: UsageFilter) -> bool:
    given = msgspec.structs.asdict(wanted)
    return any(given[name] for name in _OWNER_COLUMNS)


def _asks_what(wanted: UsageFilter) -> bool:
    return bool(wanted.models or wanted.statuses is not None or wanted.operation or wanted.upstream)


def _asks_more_than_owners(wanted: UsageFilter) -> bool:
    return bool(wanted.key_id) or _asks_what(wanted)


def _by_the_hour(steps: Sequence[Step]) -> bool:
    return all(span.period != "minute" for step in steps for span in step.spans)


def _counts(table: str) -> str:
    return ", ".join(f"sum({table}.{name}) AS {name}" for name in COUNTS)


def _sums(table: str) -> str:
    # Histograms are added up by standing one behind the other.
    histograms = ", ".join(
        f"CAST(group_concat(CAST({table}.{name} AS TEXT), '') AS BLOB) AS {name}"
        for name in ("durations", "first_bytes")
    )
    return f"{_counts(table)}, {histograms}"


def _from_sums(table: str, by: Dimension | None, where: str, sums: Callable[[str], str]) -> str:
    group = _GROUPS[by].replace("s.", "r.", 1) if by else "''"
    return f"""
WITH {_SPANS}
SELECT span.step, {group}, {sums("r")}
FROM span CROSS JOIN {table} r ON r.period = span.period AND r.start >= span.since AND r.start < span.until
{where} GROUP BY 1, 2
"""  # noqa: S608 -- put together from constants


def _from_owners(by: Dimension | None, where: str, sums: Callable[[str], str]) -> str:
    # It has the columns by which owners are asked for of ``keys``, and so stands in its place.
    return f"""
WITH {_SPANS}
SELECT span.step, {_GROUPS[by] if by else "''"}, {sums("k")}
FROM span CROSS JOIN owner_sums k ON k.period = span.period AND k.start >= span.since AND k.start < span.until
LEFT JOIN projects p ON p.id = k.project_id {where} GROUP BY 1, 2
"""  # noqa: S608 -- put together from constants


def _from_pairs(by: Dimension | None, sums: Callable[[str], str]) -> str:
    return f"""
WITH {_SPANS}, pair (project_id, user_id) AS MATERIALIZED (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:pairs)
)
SELECT span.step, {_GROUPS[by] if by else "''"}, {sums("k")}
FROM span CROSS JOIN pair CROSS JOIN owner_sums k
    ON k.period = span.period AND k.start = span.since AND k.project_id = pair.project_id AND k.user_id = pair.user_id
LEFT JOIN projects p ON p.id = k.project_id GROUP BY 1, 2
"""  # noqa: S608 -- put together from constants


def _by_ranges(by: Dimension | None, narrowed: bool, sums: Callable[[str], str]) -> str:  # noqa: FBT001 -- bound by position
    condition = "AND r.series_id IN (SELECT value FROM json_each(:series))" if narrowed else ""
    return f"""
WITH {_SPANS}, summed AS MATERIALIZED (
    SELECT span.step AS step, r.series_id AS series_id, {sums("r")}
    FROM span CROSS JOIN rollups r
        ON r.period = span.period AND r.start >= span.since AND r.start < span.until {condition}
    GROUP BY 1, 2
)
{_grouped(by, sums)}
"""  # noqa: S608 -- put together from constants


def _one_by_one(by: Dimension | None, sums: Callable[[str], str]) -> str:
    return f"""
WITH {_SPANS}, summed AS MATERIALIZED (
    SELECT span.step AS step, r.series_id AS series_id, {sums("r")}
    FROM span CROSS JOIN json_each(:series) chosen CROSS JOIN rollups r
        ON r.period = span.period AND r.start = span.since AND r.series_id = chosen.value
    GROUP BY 1, 2
)
{_grouped(by, sums)}
"""  # noqa: S608 -- put together from constants


def _grouped(by: Dimension | None, sums: Callable[[str], str]) -> str:
    joins = "JOIN series s ON s.id = summed.series_id" if by else ""
    if by in _OWNERS and by is not Dimension.KEY:
        joins += _OWNED.replace("JOIN", "LEFT JOIN")
    group = _GROUPS[by] if by else "''"
    return f"SELECT summed.step, {group}, {sums('summed')} FROM summed {joins} GROUP BY 1, 2"  # noqa: S608 -- constants


async def _narrow(
    connection: AsyncConnection,
    by: Dimension | None,
    wanted: UsageFilter,
    only: Sequence[str] | None,
    table: str,
) -> tuple[str, dict[str, object]]:
    """Return the conditions on a table that has the dimensions of a request itself, as a WHERE clause."""
    conditions: list[str] = []
    values: dict[str, object] = {}
    models = await _models(connection, wanted)
    if models is not None:
        conditions.append(f"{table}.model IN (SELECT value FROM json_each(:models))")  # noqa: S608 -- constants
        values["models"] = msgspec.json.encode(models).decode()
    if wanted.statuses is not None:
        conditions.append(f"{table}.status BETWEEN :least AND :greatest")
        values["least"], values["greatest"] = wanted.statuses
    given = msgspec.structs.asdict(wanted)
    columns = {"operation": f"{table}.operation", "upstream": f"{table}.upstream", **_OWNER_COLUMNS}
    for name, column in columns.items():  # ``overall`` is never asked with an owner
        if given[name]:
            conditions.append(f"{column} = :{name}")
            values[name] = given[name]
    if by is not None and only is not None:
        conditions.append(
            f"{_GROUPS[by].replace('s.', f'{table}.', 1)} IN (SELECT value FROM json_each(:only))"  # noqa: S608
        )
        chosen = [int(one) for one in only] if by is Dimension.STATUS else list(only)
        values["only"] = msgspec.json.encode(chosen).decode()
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


async def _models(connection: AsyncConnection, wanted: UsageFilter) -> list[str] | None:
    """Return the models that are meant, of all that were ever asked for; ``None``: all."""
    if not wanted.models:
        return None
    known = await connection.scalars(text("SELECT DISTINCT model FROM series"))
    return [model for model in known if allows_name(wanted.models, model)]


async def _series(
    connection: AsyncConnection, by: Dimension | None, wanted: UsageFilter, only: Sequence[str] | None
) -> list[int]:
    where, values = await _narrow(connection, by, wanted, only, "s")
    joins = _OWNED if set(values) & _NEED_OWNER else ""
    if not joins and "only" in values and by in _OWNERS and by is not Dimension.KEY:
        joins = _OWNED.replace("JOIN", "LEFT JOIN")
    return list(await connection.scalars(text(f"SELECT s.id FROM series s {joins} {where}"), values))  # noqa: S608 -- constants


def _ranges(steps: Sequence[Step]) -> str:
    spans = [
        (number, span.period, span.since_s, span.until_s)
        for number, step in enumerate(steps)
        for span in step.spans
    ]
    return msgspec.json.encode(spans).decode()


def _starts(steps: Sequence[Step]) -> str:
    """Return every single row's beginning that the spans hold."""
    starts = [
        (number, span.period, start, start)
        for number, step in enumerate(steps)
        for span in step.spans
        for start in range(span.since_s, span.until_s, _LENGTHS[span.period])
    ]
    return msgspec.json.encode(starts).decode()


def _moments(steps: Sequence[Step]) -> int:
    return sum(
        (span.until_s - span.since_s) // _LENGTHS[span.period] for step in steps for span in step.spans
    )
