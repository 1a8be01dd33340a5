"""What becomes of whatever a handler raises."""

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.exceptions import ClientException, InternalServerException
from litestar.params import FromPath
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from keyturn.control.door import Door
from keyturn.control.errors import HANDLERS, granted, refuse
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason, Refused

RAISED: dict[str, Exception] = {
    "fault": Fault(Reason.NOT_CONFIRMED, "not confirmed by 1-aaaa"),
    "store": OperationalError("INSERT INTO secrets", {"secret": "sk-hidden-hidden"}, Exception("disk full")),
    "bug": RuntimeError("sk-0123456789 in a message"),
    "framework": InternalServerException(),
    "client": ClientException("odd request"),
}


@get("/refused")
async def refused() -> None:
    """Refuse."""
    refuse(Reason.EXPIRED_API_KEY, param="x")


@get("/raised/{name:str}")
async def raised(name: FromPath[str]) -> None:
    """Fail."""
    raise RAISED[name]


async def ask(path: str) -> httpx.Response:
    """Return the answer."""
    app = Litestar([refused, raised], exception_handlers=HANDLERS, openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(Door(app, local=True))  # type: ignore[arg-type]  # two ASGI vocabularies
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        return await client.get(path)


async def test_a_refusal_has_its_status_and_headers() -> None:
    """From the one table."""
    answer = await ask("/refused")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "EXPIRED_API_KEY")
    assert answer.headers["www-authenticate"].endswith('error_description="expired"')
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("fault", 503, "NOT_CONFIRMED"),
        ("store", 503, "CONTROL_UNAVAILABLE"),
        ("bug", 500, "INTERNAL_ERROR"),
        ("framework", 500, "INTERNAL_ERROR"),
        ("client", 400, "MALFORMED_REQUEST"),
    ],
)
async def test_a_failure_is_an_answer_and_our_faults_are_logged_once(
    name: str, status: int, code: str
) -> None:
    """The caller gets the request id, the operator the cause under it."""
    with capture_logs() as logs:
        answer = await ask(f"/raised/{name}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert [log["request_id"] for log in logs] == ([answer.headers["x-request-id"]] if status >= 500 else [])
    assert "hidden" not in answer.text + msgspec.json.encode([str(log.get("why")) for log in logs]).decode()


async def test_what_may_pass_says_when_to_try_again() -> None:
    """Seconds and milliseconds: the SDKs read either."""
    with capture_logs():
        answer = await ask("/raised/fault")

    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("1", "1000")
    assert answer.headers["x-should-retry"] == "true"


async def ask_through_a_worker(path: str, **headers: str) -> httpx.Response:
    """Return the answer at the door that workers use."""
    app = Litestar([refused], exception_handlers=HANDLERS, openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(Door(app, local=False))  # type: ignore[arg-type]  # as above
    async with httpx.AsyncClient(transport=transport, base_url="http://node", headers=headers) as client:
        return await client.get(path)


async def test_a_client_with_a_wrong_base_url_can_read_the_404() -> None:
    """Nothing is known of it but the path, and what only Anthropic's clients send."""
    openais = await ask_through_a_worker("/chat/completions")
    anthropics = await ask_through_a_worker("/messages", **{"anthropic-version": "2023-06-01"})
    managed = await ask_through_a_worker("/api/v2/keys")
    operators = await ask("/keys")

    assert openais.json()["error"]["code"] == "path_not_found"
    assert anthropics.json()["error"]["type"] == "not_found_error"
    assert anthropics.headers["request-id"] == anthropics.json()["request_id"]
    assert [answer.json()["error"]["code"] for answer in (managed, operators)] == ["PATH_NOT_FOUND"] * 2


async def test_who_accepts_a_problem_document_gets_one() -> None:
    """The management API speaks the envelope to everybody else."""
    answer = await ask_through_a_worker("/refused", accept="application/problem+json")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])
    assert answer.json()["error"]["details"] == {"param": "x"}


def test_what_was_granted_comes_through() -> None:
    """And a refusal does not."""
    assert granted(5) == 5
    with pytest.raises(Exception, match="conflict"):
        granted(Refused(Reason.CONFLICT))
