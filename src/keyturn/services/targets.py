"""Where a model may go, as an operator says it."""

from collections.abc import Collection, Sequence

import msgspec

from keyturn.dialects.data_plane import CALLS
from keyturn.domain import ids
from keyturn.domain.models import STAR
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.routing import Terms, When
from keyturn.services.probe import NAME_LENGTH
from keyturn.store.models import StoredTarget

OPERATIONS = frozenset(call.name for call in CALLS.values() if call.names_model)
"""What a condition may name."""
MOST_TARGETS = 20
MOST_WEIGHT = 1_000_000
MOST_PRIORITY = 1_000
MOST_NAMES = 100
"""In one condition."""


class WantedTarget(msgspec.Struct, frozen=True):
    """One target, as it is asked for."""

    upstream: str
    model: str = ""
    """Its name there; empty: the same, or, of a name with a star, what the star stands for."""
    terms: Terms = Terms()


def named_there(name: str) -> str:
    """Return what a model is called at an upstream if nobody says."""
    return STAR if STAR in name else name


def read(
    name: str, wanted: Sequence[WantedTarget], upstreams: Collection[str]
) -> tuple[StoredTarget, ...] | Refused:
    """Check the targets of a model.

    Args:
        name: That clients use.
        wanted: Its targets.
        upstreams: The names of those that there are.
    """
    if not 0 < len(wanted) <= MOST_TARGETS:
        return _wrong(f"A model has 1 to {MOST_TARGETS} targets", "targets")
    found = []
    for index, one in enumerate(wanted):
        target = StoredTarget(one.upstream, one.model or named_there(name), one.terms)
        refused = check(name, target, upstreams)
        if refused is None:
            refused = _check_terms(one.terms)
        if refused is not None:
            where = {"upstream_model": "model"}.get(refused.param or "", refused.param)
            return msgspec.structs.replace(refused, param=f"targets[{index}].{where}")
        found.append(target)
    if len({(one.upstream, one.model, one.terms.when) for one in found}) < len(found):
        return _wrong("Two targets are the same", "targets")
    return tuple(found)


def check(name: str, target: StoredTarget, upstreams: Collection[str]) -> Refused | None:
    """Say what is wrong with where a target leads."""
    if target.upstream not in upstreams:
        return _wrong(f"There is no upstream named {target.upstream!r}", "upstream")
    if not 0 < len(target.model) <= NAME_LENGTH or not target.model.isprintable():
        return _wrong(f"A model's name is 1 to {NAME_LENGTH} printable characters", "upstream_model")
    if target.model.count(STAR) > name.count(STAR):
        return _wrong("A star stands for what a star in the model's name stands for", "upstream_model")
    return None


def _check_terms(terms: Terms) -> Refused | None:
    if not 0 <= terms.weight <= MOST_WEIGHT:
        return _wrong(f"A weight is 0 to {MOST_WEIGHT:,}", "weight")
    if not 0 <= terms.priority <= MOST_PRIORITY:
        return _wrong(f"A priority is 0 to {MOST_PRIORITY:,}", "priority")
    return _check_when(terms.when)


def _check_when(when: When) -> Refused | None:
    for operation in when.operations:
        if operation not in OPERATIONS:
            return _wrong(f"An operation is one of {', '.join(sorted(OPERATIONS))}", "when.operations")
    for project in when.projects:
        if not ids.is_id(project, ids.PROJECT):
            return _wrong("A project is named by its id, proj_…", "when.projects")
    for member, names in (("projects", when.projects), ("environments", when.environments)):
        if len(names) > MOST_NAMES or not all(0 < len(one) <= NAME_LENGTH for one in names):
            return _wrong(f"At most {MOST_NAMES} names, none of them empty", f"when.{member}")
    if min(when.min_input_tokens, when.max_input_tokens) < 0:
        return _wrong("Tokens are not negative", "when.min_input_tokens")
    if when.max_input_tokens and when.min_input_tokens > when.max_input_tokens:
        return _wrong("The least is more than the most", "when.min_input_tokens")
    return None


def _wrong(message: str, member: str) -> Refused:
    return Refused(Reason.INVALID_MEMBER, message, member)
