"""Every operation of the management API and the permission it belongs to.

A permission belongs to an operation, never to an HTTP method. A route that has no row here is refused to everybody
but the operator, and a test fails.
"""

import msgspec

from keyturn.domain.permissions import Permission


class Needs(msgspec.Struct, frozen=True):
    """What a caller needs.

    Attributes:
        permission: The permission; ``None``: any key that is active. A publishable key gets in nowhere.
        node: Only for keys that reach the whole node: what it touches belongs to all accounts.
        anyone: No key at all is needed.
        operator: No key is enough: only the operator, on the machine itself.
    """

    permission: Permission | None = None
    node: bool = False
    anyone: bool = False
    operator: bool = False


_READ, _WRITE = Needs(Permission.READ), Needs(Permission.WRITE)
_ADMIN, _NODE = Needs(Permission.ADMIN), Needs(Permission.ADMIN, node=True)
_OWN, _ANYONE = Needs(), Needs(anyone=True)

OPERATIONS: dict[tuple[str, str], Needs] = {
    ("GET", "/api/v1/keys"): _WRITE,
    ("POST", "/api/v1/keys"): _WRITE,
    ("GET", "/api/v1/keys/{key_id}"): _WRITE,
    ("PATCH", "/api/v1/keys/{key_id}"): _WRITE,
    ("DELETE", "/api/v1/keys/{key_id}"): _ADMIN,
    ("POST", "/api/v1/keys/{key_id}/undelete"): Needs(Permission.ADMIN, node=True, operator=True),
    ("POST", "/api/v1/keys/{key_id}/enable"): _WRITE,
    ("POST", "/api/v1/keys/{key_id}/disable"): _WRITE,
    ("POST", "/api/v1/keys/{key_id}/revoke"): _WRITE,
    ("POST", "/api/v1/keys/{key_id}/rotate"): _WRITE,
    ("DELETE", "/api/v1/keys/{key_id}/secrets/{secret_id}"): _WRITE,
    ("GET", "/api/v1/key"): _OWN,
    ("GET", "/api/v1/key/successor"): _OWN,
    ("POST", "/api/v1/key/rotate"): _OWN,
    ("POST", "/api/v1/claims"): _ANYONE,
    ("GET", "/api/v1/keys/{key_id}/limits"): _WRITE,
    ("PUT", "/api/v1/keys/{key_id}/limits"): _WRITE,
    ("GET", "/api/v1/projects/{project_id}/limits"): _WRITE,
    ("PUT", "/api/v1/projects/{project_id}/limits"): _ADMIN,
    ("GET", "/api/v1/accounts/{account_id}/limits"): _ADMIN,
    ("PUT", "/api/v1/accounts/{account_id}/limits"): _NODE,
    ("GET", "/api/v1/plans/{plan_id}/limits"): _NODE,
    ("PUT", "/api/v1/plans/{plan_id}/limits"): _NODE,
    ("GET", "/api/v1/hygiene"): _WRITE,
    ("GET", "/api/v1/accounts"): _ADMIN,
    ("POST", "/api/v1/accounts"): _NODE,
    ("GET", "/api/v1/accounts/{account_id}"): _ADMIN,
    ("PATCH", "/api/v1/accounts/{account_id}"): _ADMIN,
    ("DELETE", "/api/v1/accounts/{account_id}"): _ADMIN,
    ("POST", "/api/v1/accounts/{account_id}/suspend"): _ADMIN,
    ("POST", "/api/v1/accounts/{account_id}/resume"): _ADMIN,
    ("GET", "/api/v1/projects"): _WRITE,
    ("POST", "/api/v1/projects"): _ADMIN,
    ("GET", "/api/v1/projects/{project_id}"): _WRITE,
    ("PATCH", "/api/v1/projects/{project_id}"): _ADMIN,
    ("DELETE", "/api/v1/projects/{project_id}"): _ADMIN,
    ("GET", "/api/v1/projects/{project_id}/members"): _WRITE,
    ("POST", "/api/v1/projects/{project_id}/members"): _ADMIN,
    ("DELETE", "/api/v1/projects/{project_id}/members/{user_id}"): _ADMIN,
    ("GET", "/api/v1/users"): _ADMIN,
    ("POST", "/api/v1/users"): _ADMIN,
    ("GET", "/api/v1/users/{user_id}"): _ADMIN,
    ("PATCH", "/api/v1/users/{user_id}"): _ADMIN,
    ("DELETE", "/api/v1/users/{user_id}"): _ADMIN,
    ("POST", "/api/v1/setup-link"): Needs(Permission.ADMIN, node=True, operator=True),
    ("POST", "/api/v1/invitations"): _ADMIN,
    ("POST", "/api/v1/users/{user_id}/invite"): _ADMIN,
    ("DELETE", "/api/v1/users/{user_id}/invite"): _ADMIN,
    ("POST", "/api/v1/users/{user_id}/suspend"): _ADMIN,
    ("POST", "/api/v1/users/{user_id}/resume"): _ADMIN,
    ("POST", "/api/v1/users/{user_id}/reset-second-factor"): _ADMIN,
    ("POST", "/api/v1/users/{user_id}/reset-link"): Needs(Permission.ADMIN, node=True, operator=True),
    ("POST", "/api/v1/users/{user_id}/verify-link"): Needs(Permission.ADMIN, node=True, operator=True),
    ("GET", "/api/v1/models"): _NODE,
    ("POST", "/api/v1/models"): _NODE,
    ("GET", "/api/v1/models/{name}"): _NODE,
    ("PATCH", "/api/v1/models/{name}"): _NODE,
    ("DELETE", "/api/v1/models/{name}"): _NODE,
    ("GET", "/api/v1/prices"): _NODE,
    ("POST", "/api/v1/prices"): _NODE,
    ("GET", "/api/v1/prices/shipped"): _NODE,
    ("POST", "/api/v1/prices/rerate"): _NODE,
    ("DELETE", "/api/v1/prices/{price_id}"): _NODE,
    ("GET", "/api/v1/providers"): _NODE,
    ("GET", "/api/v1/upstreams"): _NODE,
    ("POST", "/api/v1/upstreams"): _NODE,
    ("PATCH", "/api/v1/upstreams/{name}"): _NODE,
    ("DELETE", "/api/v1/upstreams/{name}"): _NODE,
    ("POST", "/api/v1/upstreams/{name}/test"): _NODE,
    ("GET", "/api/v1/usage"): _WRITE,
    ("GET", "/api/v1/usage/export"): _WRITE,
    ("GET", "/api/v1/keys/{key_id}/usage"): _WRITE,
    ("POST", "/api/v1/keys/verify"): _READ,
    ("POST", "/api/v1/keys/{key_id}/simulate"): _WRITE,
    ("GET", "/api/v1/requests"): _WRITE,
    ("GET", "/api/v1/requests/export"): _WRITE,
    ("GET", "/api/v1/requests/{request_id}"): _WRITE,
    ("GET", "/api/v1/requests/{request_id}/bodies"): _ADMIN,
    ("POST", "/api/v1/keys/import"): _NODE,
    ("POST", "/api/v1/keys/{key_id}/reveal"): _ADMIN,
    ("GET", "/api/v1/peppers"): _NODE,
    ("POST", "/api/v1/peppers/rotate"): _NODE,
    ("POST", "/api/v1/peppers/prune"): _NODE,
    ("GET", "/api/v1/node"): _NODE,
    ("GET", "/api/v1/settings"): _NODE,
    ("PATCH", "/api/v1/settings"): _NODE,
    ("GET", "/api/v1/events"): _WRITE,
    ("GET", "/api/v1/alerts"): _WRITE,
    ("GET", "/api/v1/alerts/rules"): _WRITE,
    ("PUT", "/api/v1/alerts/rules"): _ADMIN,
    ("GET", "/api/v1/alerts/{alert_id}"): _WRITE,
    ("POST", "/api/v1/alerts/{alert_id}/acknowledge"): _WRITE,
    ("GET", "/api/v1/audit"): _NODE,
    ("GET", "/api/v1/audit/export"): _NODE,
    ("GET", "/api/v1/audit/verify"): _NODE,
    ("GET", "/api/v1/audit/checkpoint"): _NODE,
    ("POST", "/api/v1/audit/checkpoint"): _NODE,
    ("POST", "/api/v1/keys/revoke-exposed"): _ANYONE,
    ("POST", "/api/v1/leaks"): _ANYONE,
    ("GET", "/api/v1/plans"): _NODE,
    ("POST", "/api/v1/plans"): _NODE,
    ("GET", "/api/v1/plans/{plan_id}"): _NODE,
    ("PATCH", "/api/v1/plans/{plan_id}"): _NODE,
    ("DELETE", "/api/v1/plans/{plan_id}"): _NODE,
    ("GET", "/api/v1/credit"): _READ,
    ("POST", "/api/v1/credit/grants"): _NODE,
    ("DELETE", "/api/v1/credit/grants/{grant_id}"): _NODE,
    ("POST", "/api/v1/credit/adjustments"): _NODE,
    ("GET", "/api/v1/credit/codes"): _NODE,
    ("POST", "/api/v1/credit/codes"): _NODE,
    ("POST", "/api/v1/credit/redeem"): _ADMIN,
    ("GET", "/api/v1/ledger"): _ADMIN,
    ("GET", "/api/v1/ledger/verify"): _NODE,
    ("GET", "/api/v1/accounts/{account_id}/statements/{month}"): _ADMIN,
    ("GET", "/api/v1/openapi.json"): _ANYONE,
}
"""Method and path as the route declares it, without types (``{key_id}``), without a slash at the end."""
