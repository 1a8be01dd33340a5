"""Calls to the management API that were refused for who asked: written to the audit log, and looked at for probing."""

from litestar.types import Scope

from keyturn import system
from keyturn.control.auth import known_principal
from keyturn.control.door import visit_of
from keyturn.control.errors import RefusedError
from keyturn.control.management import Management
from keyturn.domain import ids
from keyturn.domain.anomalies import OUT_OF_SCOPE, Tried
from keyturn.domain.principal import Principal

STATUSES = frozenset({401, 403})


async def note_refused(error: Exception, scope: Scope) -> None:
    """Write an entry for a refusal of this kind; a hook of the framework.

    The path stands in it as the route declares it: what callers put into one may be a secret.
    """
    if not isinstance(error, RefusedError) or error.refused.rule.status not in STATUSES:
        return
    visit = visit_of(scope)
    management: Management = scope["litestar_app"].state["management"]
    stranger = Principal(error.refused.details.get("key_id", ""), visit.address, visit.request_id)
    by = known_principal(scope) or stranger
    operation = f"{scope.get('method', '')} {scope.get('path_template', '')}".strip()
    await management.audit.refused(by, operation, error.refused)
    if ids.is_id(by.name, ids.KEY) and error.refused.reason in OUT_OF_SCOPE:
        tried = Tried(by.name, operation, system.now(), visit.address, visit.request_id)
        management.anomalies.probing.note([tried])
