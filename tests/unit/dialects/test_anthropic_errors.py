"""Errors in Anthropic's dialect."""

import json
from typing import get_args

import pytest
from anthropic.types.shared.error_type import ErrorType

from keyturn.dialects import anthropic_errors, errors
from keyturn.dialects.errors import Dialect
from keyturn.domain.refusals import Reason, Refused

# https://docs.anthropic.com/en/api/errors
DOCUMENTED = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
}
NOT_THE_CLIENTS_KEY = Reason.UPSTREAM_CREDENTIAL


def test_every_reason_has_a_type_that_the_sdk_knows() -> None:
    """Or that the documentation lists and the SDK has an exception for."""
    assert set(anthropic_errors.TYPES) == set(Reason)
    assert set(anthropic_errors.TYPES.values()) <= {*get_args(ErrorType), "request_too_large"}


@pytest.mark.parametrize("reason", sorted(set(Reason) - {NOT_THE_CLIENTS_KEY}))
def test_the_type_is_the_documented_one_of_the_status(reason: Reason) -> None:
    """Clients go by either."""
    status = errors.status_of(Dialect.ANTHROPIC, Refused(reason))

    assert anthropic_errors.TYPES[reason] == DOCUMENTED.get(status, anthropic_errors.TYPES[reason])


def test_the_gateways_own_credential_is_not_called_the_clients() -> None:
    """Whoever reads ``authentication_error`` replaces a key that is fine."""
    assert anthropic_errors.TYPES[NOT_THE_CLIENTS_KEY] == "api_error"


def test_a_body_has_the_form_of_anthropics() -> None:
    """With the code where the official SDK looks for one."""
    body = anthropic_errors.render(Refused(Reason.REVOKED_API_KEY, details={"key_id": "key_1"}), "req_1")

    assert json.loads(body) == {
        "type": "error",
        "error": {
            "type": "authentication_error",
            "message": "This API key has been revoked",
            "details": {"error_code": "revoked_api_key"},
        },
        "request_id": "req_1",
    }
