"""The description of the API and the page made from it."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fakes.control_process import ControlProcess

CALLS = {
    "/api/v1/keys": {"get", "post"},
    "/api/v1/keys/{key_id}": {"get", "patch", "delete"},
    "/api/v1/keys/{key_id}/undelete": {"post"},
    "/api/v1/keys/{key_id}/limits": {"get", "put"},
    "/api/v1/projects/{project_id}/limits": {"get", "put"},
    "/api/v1/accounts/{account_id}/limits": {"get", "put"},
    "/api/v1/plans/{plan_id}/limits": {"get", "put"},
    "/api/v1/keys/{key_id}/enable": {"post"},
    "/api/v1/keys/{key_id}/disable": {"post"},
    "/api/v1/keys/{key_id}/revoke": {"post"},
    "/api/v1/hygiene": {"get"},
    "/api/v1/accounts": {"get", "post"},
    "/api/v1/accounts/{account_id}": {"get", "patch", "delete"},
    "/api/v1/accounts/{account_id}/suspend": {"post"},
    "/api/v1/accounts/{account_id}/resume": {"post"},
    "/api/v1/projects": {"get", "post"},
    "/api/v1/projects/{project_id}": {"get", "patch", "delete"},
    "/api/v1/projects/{project_id}/members": {"get", "post"},
    "/api/v1/projects/{project_id}/members/{user_id}": {"delete"},
    "/api/v1/users": {"get", "post"},
    "/api/v1/users/{user_id}": {"get", "patch", "delete"},
    "/api/v1/users/{user_id}/invite": {"post", "delete"},
    "/api/v1/invitations": {"post"},
    "/api/v1/setup-link": {"post"},
    "/api/v1/users/{user_id}/suspend": {"post"},
    "/api/v1/users/{user_id}/resume": {"post"},
    "/api/v1/users/{user_id}/reset-link": {"post"},
    "/api/v1/users/{user_id}/reset-second-factor": {"post"},
    "/api/v1/users/{user_id}/verify-link": {"post"},
    "/api/v1/providers": {"get"},
    "/api/v1/upstreams": {"get", "post"},
    "/api/v1/upstreams/{name}": {"patch", "delete"},
    "/api/v1/upstreams/{name}/test": {"post"},
    "/api/v1/prices": {"get", "post"},
    "/api/v1/prices/rerate": {"post"},
    "/api/v1/prices/shipped": {"get"},
    "/api/v1/prices/{price_id}": {"delete"},
    "/api/v1/models": {"get", "post"},
    "/api/v1/models/{name}": {"get", "patch", "delete"},
    "/api/v1/usage": {"get"},
    "/api/v1/usage/export": {"get"},
    "/api/v1/requests": {"get"},
    "/api/v1/requests/export": {"get"},
    "/api/v1/requests/{request_id}": {"get"},
    "/api/v1/requests/{request_id}/bodies": {"get"},
    "/api/v1/keys/{key_id}/rotate": {"post"},
    "/api/v1/keys/{key_id}/secrets/{secret_id}": {"delete"},
    "/api/v1/key": {"get"},
    "/api/v1/key/rotate": {"post"},
    "/api/v1/key/successor": {"get"},
    "/api/v1/claims": {"post"},
    "/api/v1/keys/verify": {"post"},
    "/api/v1/keys/{key_id}/simulate": {"post"},
    "/api/v1/keys/{key_id}/usage": {"get"},
    "/api/v1/node": {"get"},
    "/api/v1/settings": {"get", "patch"},
    "/api/v1/events": {"get"},
    "/api/v1/alerts": {"get"},
    "/api/v1/alerts/rules": {"get", "put"},
    "/api/v1/alerts/{alert_id}": {"get"},
    "/api/v1/alerts/{alert_id}/acknowledge": {"post"},
    "/api/v1/audit": {"get"},
    "/api/v1/audit/export": {"get"},
    "/api/v1/audit/verify": {"get"},
    "/api/v1/audit/checkpoint": {"get", "post"},
    "/api/v1/keys/revoke-exposed": {"post"},
    "/api/v1/keys/import": {"post"},
    "/api/v1/keys/{key_id}/reveal": {"post"},
    "/api/v1/peppers": {"get"},
    "/api/v1/peppers/rotate": {"post"},
    "/api/v1/peppers/prune": {"post"},
    "/api/v1/leaks": {"post"},
    "/api/v1/plans": {"get", "post"},
    "/api/v1/plans/{plan_id}": {"get", "patch", "delete"},
    "/api/v1/credit": {"get"},
    "/api/v1/credit/grants": {"post"},
    "/api/v1/credit/grants/{grant_id}": {"delete"},
    "/api/v1/credit/adjustments": {"post"},
    "/api/v1/credit/codes": {"get", "post"},
    "/api/v1/credit/redeem": {"post"},
    "/api/v1/ledger": {"get"},
    "/api/v1/ledger/verify": {"get"},
    "/api/v1/accounts/{account_id}/statements/{month}": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, links, and what a strict policy forbids."""
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag == "style":
            self.inline.append(tag)


@pytest.fixture(scope="module")
def document(control: ControlProcess) -> dict[str, Any]:
    """The OpenAPI description."""
    found: dict[str, Any] = control.relayed.get("/api/v1/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return every operation with a name to show."""
    return [
        (f"{method} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_every_call_is_described(document: dict[str, Any]) -> None:
    """What isn't there does not exist for who generates a client."""
    assert document["openapi"].startswith("3.1")
    assert {path: set(item) for path, item in document["paths"].items()} == CALLS


def test_every_call_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    """Summary, description, examples, refusals in one shape, under a name of its own."""
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        if "/api/v1" not in name or name == "post /api/v1/leaks":  # which answers as secret scanners want it
            continue
        for status, response in operation["responses"].items():
            if name.endswith("/export") and status == "200":
                assert list(response["content"]) == ["text/csv"], name
                continue
            content = response["content"]["application/json"]
            if status.startswith("2"):
                assert content["example"]["success"] is True, name
            else:
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                assert all(one["value"]["success"] is False for one in content["examples"].values()), name
        assert {"401", "403", "503"} <= operation["responses"].keys(), name
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], name
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_references_lead_somewhere_and_names_are_for_people(document: dict[str, Any]) -> None:
    """A generator stops at the first that doesn't, and names classes by them."""
    schemas = document["components"]["schemas"]

    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert used <= schemas.keys()
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in schemas)


def test_every_example_body_is_taken(control: ControlProcess, document: dict[str, Any]) -> None:
    """An example that is refused is worse than none."""
    bodies = {
        path: operation["requestBody"]["content"]["application/json"]["examples"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method == "post" and "requestBody" in operation
    }
    control.operator.delete("/api/v1/upstreams/openai")

    for body in bodies["/api/v1/keys"].values():
        assert control.operator.post("/api/v1/keys", json=body["value"]).status_code == 201
    for body in bodies["/api/v1/upstreams"].values():
        offline = {"models": ["m"], **body["value"]}
        assert control.operator.post("/api/v1/upstreams", json=offline).status_code == 201
    made = ("accounts", "projects", "users", "plans", "credit/grants", "credit/adjustments", "credit/codes")
    for path in (f"/api/v1/{one}" for one in made):
        for body in bodies[path].values():
            assert control.operator.post(path, json=body["value"]).status_code == 201
    for body in bodies["/api/v1/models"].values():
        assert control.operator.post("/api/v1/models", json=body["value"]).status_code == 201


def test_security_is_described(document: dict[str, Any]) -> None:
    """Both ways to present a key; the probes need none."""
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
    assert document["security"] == [{"bearer": []}, {"header": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == [{}]


def test_the_root_leads_to_the_dashboard(control: ControlProcess) -> None:
    """What a browser opens first."""
    answer = control.relayed.get("/")

    assert (answer.status_code, answer.headers["location"]) == (302, "/dashboard")


def test_the_reference_shows_every_call_with_the_readers_own_address(control: ControlProcess) -> None:
    """A sample that can be pasted as it stands."""
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "ai.example.com:8443"}

    page = control.relayed.get("/docs", headers=headers)

    assert page.headers["content-type"].startswith("text/html")
    for path in CALLS:
        assert f"<code>{path}</code>" in page.text
    assert "curl -X POST https://ai.example.com:8443/api/v1/keys" in page.text
    assert "Authorization: Bearer $KEYTURN_API_KEY" in page.text


def test_the_reference_runs_under_its_strict_policy(control: ControlProcess) -> None:
    """No inline script or style, nothing from another host, every link inside it leads somewhere."""
    answer = control.relayed.get("/docs")
    page = Page()
    page.feed(answer.text)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.inline == []
    anchors = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    files = {link for link in page.links if not link.startswith("#")}
    assert all(link.startswith("/") and not link.startswith("//") for link in files)
    assert all(control.relayed.get(link).status_code == 200 for link in files)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("host", ["<script>alert(1)</script>", "a b", "a'b", "x" * 300])
def test_a_strange_host_is_not_shown(control: ControlProcess, host: str) -> None:
    """It comes from the caller."""
    page = control.relayed.get("/docs", headers={"x-forwarded-host": host})

    assert host not in page.text
    assert "http://127.0.0.1:8080/api/v1/keys" in page.text
