"""Say what would happen to a request of a key, and why, without making it.

The answer comes from the same decisions that workers make. What depends on what has happened before, such as how many
refused requests an address has sent, is not part of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

import msgspec

from keyturn.dialects.data_plane import Call, dialect_at, find as find_call, spelled_as_in_lists
from keyturn.dialects.errors import status_of
from keyturn.domain.checks import Check, results
from keyturn.domain.decision import Facts, decide, refused_by_model
from keyturn.domain.keys import KeyRecord, SecretLife, SecretState, rfc3339, secret_state
from keyturn.domain.models import Starred, Target, near
from keyturn.domain.prices import version_at
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.configuration import Known
from keyturn.services.key_access import find as find_key
from keyturn.services.lookup import record
from keyturn.services.verification import refused_without_address
from keyturn.store.engine import Store
from keyturn.store.holders import Holder

_USABLE = frozenset({SecretState.ACTIVE, SecretState.RETIRING, SecretState.PENDING})


_LISTS: dict[Reason, Callable[[KeyRecord], tuple[str, ...]]] = {
    Reason.IP_NOT_ALLOWED: lambda key: key.ip,
    Reason.ORIGIN_NOT_ALLOWED: lambda key: key.origins,
}
"""Lists that the holder of a key is not told, but whoever manages it is."""


def _nothing(_key: KeyRecord) -> tuple[str, ...]:
    return ()


class Question(msgspec.Struct, frozen=True):
    """A request that nobody makes."""

    path: str
    """Without a query."""
    method: str
    """Empty: the one that the path takes."""
    model: str
    """Empty: not named. A model in the path wins."""
    address: str
    origin: str
    """As a browser names it; empty: none."""
    place: str
    """Where the key stands: ``header``, ``query`` or ``body``."""
    at: float
    """Seconds since 1970 UTC."""
    secret: str = ""
    """A secret of the key by identifier or state; empty: the newest that is in use."""


class Verdict(msgspec.Struct, frozen=True):
    """What would happen."""

    key_id: str
    secret_id: str
    status: int
    """200 stands for whatever the model's provider would answer."""
    refused: Refused | None
    checks: list[Check]


class Simulation:
    """The use case."""

    def __init__(
        self,
        store: Store,
        holders: Callable[[str], list[Holder]],
        configuration: Callable[[], Awaitable[Known]],
        *,
        refuses_unpriced: bool = False,
    ) -> None:
        """Take in what is decided from.

        Args:
            store: Finds keys.
            holders: Returns the secrets of a key with their owners, oldest first.
            configuration: Reads what workers know of models, and where they accept credentials.
            refuses_unpriced: A model without a price is not served.
        """
        self._store = store
        self._holders = holders
        self._configuration = configuration
        self._refuses_unpriced = refuses_unpriced

    async def run(self, id_or_name: str, question: Question, *, by: Principal) -> Verdict | Refused:
        """Say what would happen.

        Args:
            id_or_name: The key.
            question: The request.
            by: Who asks.

        Returns:
            What would happen; or a refusal to say, because there is no such key within reach or no such secret.
        """
        async with self._store.reading() as connection:
            owned = await find_key(connection, id_or_name, by)
        if isinstance(owned, Refused):
            return owned
        holder = _choose(self._holders(owned.key.id), question.secret, int(question.at * 1000))
        if holder is None:
            return Refused(Reason.INVALID_MEMBER, "The key has no such secret", "secret")
        known = await self._configuration()
        models = known.models
        key = record(holder)
        refused = _decide(key, question, known.access.locations, models) or self._unpriced(question, models)
        status = 200 if refused is None else status_of(dialect_at(question.path), refused)
        return Verdict(key.id, key.secret_id, status, refused, _checks(key, question, refused))

    def _unpriced(self, question: Question, models: Mapping[str, Target]) -> Refused | None:
        call, in_path = find_call(question.path)
        target = _find(unquote(in_path) or question.model, models)
        if not self._refuses_unpriced or call is None or not call.names_model or target is None:
            return None
        steps = target.prices
        version = version_at(steps, int(question.at * 1000)) or (steps[0].version if steps else None)
        return Refused(Reason.MODEL_UNPRICED, param="model") if version is None else None


def _choose(holders: list[Holder], wanted: str, at_ms: int) -> Holder | None:
    """Return the newest secret that is meant; one that waits for its first use only if asked for or alone."""
    states = [(holder, _state(holder, at_ms)) for holder in reversed(holders)]
    if wanted:
        return next((one for one, state in states if wanted in {one.secret_id, state.value}), None)
    usable = [(one, state) for one, state in states if state in _USABLE] or states
    in_use = [one for one, state in usable if state is not SecretState.PENDING]
    return next(iter(in_use or [one for one, _ in usable]), None)


def _state(holder: Holder, at_ms: int) -> SecretState:
    life = SecretLife(holder.secret_activated_at, holder.secret_expires_at, holder.secret_revoked_at)
    return secret_state(life, at_ms)


def _decide(
    key: KeyRecord, question: Question, locations: frozenset[str], models: Mapping[str, Target]
) -> Refused | None:
    call, model = find_call(question.path)
    if call is None:
        return Refused(Reason.PATH_NOT_FOUND, f"There is nothing at {question.path[:100]}")
    if question.method and question.method not in call.methods:
        return Refused(Reason.METHOD_NOT_ALLOWED, allow=", ".join(sorted(call.methods)))
    if question.place not in locations:
        details = {"location": question.place, "allowed": ", ".join(sorted(locations))}
        return Refused(Reason.LOCATION_NOT_ALLOWED, details=details)
    facts = Facts(
        call.needs, spelled_as_in_lists(question.path), question.address, question.place, question.origin
    )
    if key.decoy:
        message = "The key is a decoy: it works nowhere, and whoever uses it is reported"
        return Refused(Reason.UNKNOWN_API_KEY, message, details={"key_id": key.id})
    refused = decide(key, facts, question.at)
    if refused is not None:
        unsaid = refused.reason is Reason.IP_NOT_ALLOWED and not question.address
        return refused_without_address(key, "") if unsaid else refused
    return _refused_by_model(key, unquote(model) or question.model, call, models)


def _find(model: str, models: Mapping[str, Target]) -> Target | None:
    """Return where a model goes first, by its own name or by one with a star."""
    found = models.get(model)
    if found is None:
        starred = Starred(models).find(model)
        return None if starred is None else models[starred[0]].at(starred[1])
    return found


def _refused_by_model(key: KeyRecord, model: str, call: Call, models: Mapping[str, Target]) -> Refused | None:
    if not call.names_model or not model:
        return None
    refused = refused_by_model(key, model)
    if refused is not None:
        return refused
    if _find(model, models) is not None:
        return None
    close = near(model, models)
    meant = f" Did you mean {', '.join(close)}?" if close else ""
    message = f"The model '{model[:100]}' does not exist or you do not have access to it.{meant}"
    return Refused(Reason.MODEL_NOT_FOUND, message, "model")


def _checks(key: KeyRecord, question: Question, refused: Refused | None) -> list[Check]:
    if refused is None:
        found = results("", passed=_passed(key, question))
    else:
        facts = {name: text for name, text in refused.details.items() if name != "key_id"}
        allowed = _LISTS.get(refused.reason, _nothing)(key)
        if allowed:
            facts["allowed"] = " ".join(allowed)
        words = ", ".join(f"{name}: {text}" for name, text in facts.items())
        detail = f"{refused.text} ({words})" if words else refused.text
        found = results(refused.reason.value, detail, _passed(key, question))
    # Limits depend on the moment, and a question uses nothing up.
    unasked = {"limits"} if refused is not None or _model_of(question) else {"limits", "model"}
    return [msgspec.structs.replace(one, passed=None) if one.name in unasked else one for one in found]


def _model_of(question: Question) -> str:
    """Return the model that is asked for; a name that stands for none where the call takes none."""
    call, model = find_call(question.path)
    return unquote(model) or question.model or ("" if call is None or call.names_model else "none")


def _passed(key: KeyRecord, question: Question) -> dict[str, str]:
    """Say, for each check that can be passed for more than one reason, for which it was."""
    call, _ = find_call(question.path)
    needs = "" if call is None else call.needs.value
    ends = [at for at in (key.expires_at, key.retires_at) if at is not None]
    return {
        "path": "" if call is None else call.name,
        "credential found": question.place,
        "known": f"{key.id}, secret {key.secret_id}",
        "not expired": f"until {rfc3339(min(ends))}" if ends else "never expires",
        "account active": key.account_id,
        "address": _among(question.address, key.ip),
        "origin": _among(question.origin, key.origins),
        "validity window": f"since {rfc3339(key.not_before)}" if key.not_before is not None else "always",
        "permission": f"needs {needs}, has {' '.join(sorted(key.permissions))}",
        "endpoint": _among(spelled_as_in_lists(question.path), key.endpoints),
        "request body": "not looked at",
        "model": _among(_model_of(question), key.models),
    }


def _among(value: str, allowed: tuple[str, ...]) -> str:
    return f"{value} is among {' '.join(allowed)}" if allowed else "any"
