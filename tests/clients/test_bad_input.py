"""What is asked wrongly of the management API: never a 5xx, and always told what to change."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.node import Node

BLNS = Path(__file__).parents[1] / "data" / "blns.json"


def create(api: httpx.Client, name: str, **members: Any) -> dict[str, Any]:
    """Create a key; returns the whole answer."""
    answer = api.post("/keys", json={"name": name, **members})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"description": []}, "description"),
        ({"kind": "publishable"}, "origins"),
        ({"kind": "secretive"}, "kind"),
        ({"preset": "god"}, "preset"),
        ({"permissions": "read"}, "permissions"),
        ({"permissions": ["read", "fly"]}, "permissions[1]"),
        ({"permissions": []}, "permissions"),
        ({"kind": "management", "permissions": ["read"]}, "permissions"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2027-01-31"}, "expires_at"),
        ({"expires_at": "2027-01-31T00:00:00"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"expires_in_s": -5}, "expires_in_s"),
        ({"expires_in_s": 1.5}, "expires_in_s"),
        ({"expires_in_s": "90"}, "expires_in_s"),
        ({"expires_in_s": 10**30}, "expires_in_s"),
        ({"expires_at": "2027-01-31T00:00:00Z", "expires_in_s": 60}, "expires_in_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_key_that_can_not_be_is_refused_with_the_member_at_fault(
    api: httpx.Client, members: dict[str, Any], param: str
) -> None:
    """400 with the path, and no key is made."""
    before = api.get("/keys", params={"search": "not to be"}).json()["data"]

    answer = api.post("/keys", json={"name": "not to be", **members})

    assert answer.status_code == 400, answer.text
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == "INVALID_MEMBER"
    assert answer.json()["error"]["details"]["param"] == param
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"].startswith("req_")
    assert api.get("/keys", params={"search": "not to be"}).json()["data"] == before


def test_every_unknown_member_is_named(api: httpx.Client) -> None:
    """A typo that was passed over would look like a setting that does not work."""
    answer = api.post("/keys", json={"name": "x", "expire_at": None, "scopes": [], "description": ""})

    assert answer.status_code == 400
    assert "'expire_at', 'scopes'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b'{"name": "x",}', "byte 13"),
        (b'{"name": ', "byte 9"),
        (b"", ""),
        (b"name=x", "byte"),
        (b'{"name": "\xff"}', ""),
        (b'{"name": "x"} {"name": "y"}', "byte"),
        (b'{"name": "x", "name": "y"', "byte"),
    ],
    ids=["trailing comma", "cut off", "empty", "form", "not UTF-8", "two documents", "unclosed"],
)
def test_a_body_that_is_not_json_is_refused_with_the_position(
    api: httpx.Client, body: bytes, position: str
) -> None:
    """Written by hand, it is nearly always a comma."""
    answer = api.post("/keys", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_JSON"
    assert position in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true", b"[" * 100_000, b'{"x":' * 100_000])
def test_a_body_that_is_no_object_is_refused(api: httpx.Client, body: bytes) -> None:
    """Valid JSON, and still not a key."""
    answer = api.post("/keys", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"INVALID_MEMBER", "INVALID_JSON"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/keys", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/keys", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/usage", "GET, HEAD, OPTIONS"),
        ("GET", "/keys/x/disable", "OPTIONS, POST"),
        ("PUT", "/upstreams/demo", "DELETE, OPTIONS, PATCH"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    api: httpx.Client, method: str, path: str, allow: str
) -> None:
    """RFC 9110 section 15.5.6."""
    answer = api.request(method, path)

    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "PATH_NOT_FOUND"),
        ("GET", "/keys/key_VbXhUyUBKUlzDND0IYtt", "RESOURCE_NOT_FOUND"),
        ("GET", "/keys/no%20such%20key", "RESOURCE_NOT_FOUND"),
        ("DELETE", "/keys/key_VbXhUyUBKUlzDND0IYtt", "RESOURCE_NOT_FOUND"),
        ("POST", "/keys/nobody/enable", "RESOURCE_NOT_FOUND"),
        ("POST", "/upstreams/nobody/test", "RESOURCE_NOT_FOUND"),
        ("DELETE", "/upstreams/nobody", "RESOURCE_NOT_FOUND"),
        ("DELETE", "/models/nobody/x", "RESOURCE_NOT_FOUND"),
        ("GET", "/requests/nobody", "RESOURCE_NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_not_found(api: httpx.Client, method: str, path: str, code: str) -> None:
    """In the envelope, like everything else."""
    answer = api.request(method, path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == code
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/keys?limit=0", "limit"),
        ("/keys?limit=1001", "limit"),
        ("/keys?limit=many", "limit"),
        ("/keys?cursor=nonsense", "cursor"),
        ("/keys?status=lively", "status"),
        ("/usage?by=phase-of-the-moon", "by"),
        ("/usage?days=0", "days"),
        ("/usage?days=100000", "days"),
    ],
)
def test_a_query_that_can_not_be_is_refused_with_the_parameter_at_fault(
    api: httpx.Client, path: str, param: str
) -> None:
    """A silent default would answer another question."""
    answer = api.get(path)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["param"] == param


def test_naughty_strings_are_names_like_others_or_refused(node: Node) -> None:
    """Whatever people paste: a name comes back letter for letter, finds its key, and moves no cursor."""
    strings: list[str] = sorted(set(json.loads(BLNS.read_text())))
    transport = httpx.HTTPTransport(uds=str(node.data / "run" / "control.sock"))
    made: dict[str, str] = {}
    with httpx.Client(transport=transport, base_url="http://keyturn/api/v1", timeout=20) as local:
        for text in strings[::4]:
            answer = local.post("/keys", json={"name": text, "description": text})
            joined = text.replace("\N{ZERO WIDTH JOINER}", "")  # a family is one sign
            if joined.isprintable() and text.strip() and len(text) <= 200:
                assert answer.status_code == 201, (text, answer.text)
                made[answer.json()["data"]["id"]] = text
            else:
                assert answer.status_code == 400, (text, answer.text)
                assert answer.json()["error"]["details"]["param"] == "name"
        shown = {key["id"]: key for key in local.get("/keys", params={"limit": 1000}).json()["data"]}
        table = node.cli("keys", "list").stdout
        for key_id, text in made.items():
            assert (shown[key_id]["name"], shown[key_id]["description"]) == (text, text)
            assert local.delete(f"/keys/{key_id}").status_code == 200

    assert len(made) > 60
    assert all(letter.isprintable() or letter == "\n" for letter in table)


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "a/b", "%2e%2e", "?x=1", "#top", "--help", "🌈", " padded ", "."]
)
def test_a_key_can_be_addressed_by_any_name_it_may_have(node: Node, api: httpx.Client, name: str) -> None:
    """The name stands in a path; nothing in it is read as part of the path."""
    key_id = create(api, name)["data"]["id"]

    shown = json.loads(node.cli("keys", "show", "--json", "--", name).stdout)

    assert shown["id"] == key_id
    assert api.delete(f"/keys/{key_id}").status_code == 200


def test_a_body_beyond_the_limit_is_refused_by_the_api_too(strict_node: Node) -> None:
    """The limit of the port is the limit of everything behind it."""
    answer = strict_node.send("POST", "/api/v1/keys", content=b" " * 50_000)

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "BODY_TOO_LARGE"


def test_the_data_directory_belongs_to_the_operator_alone(node: Node) -> None:
    """It holds usage, verifiers and sockets."""
    assert node.data.stat().st_mode & 0o077 == 0
    assert (node.data / "run" / "control.sock").stat().st_mode & 0o077 == 0
    assert os.access(node.data, os.W_OK)
