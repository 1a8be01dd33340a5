"""Providers and models behind a node: added, tried, priced, removed; their credentials stay sealed."""

import json
import re
import socket
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes.demo_upstream import demo_upstream
from keyturn.demo.models import MODELS
from support.node import Node, running, until

PROVIDER_KEY = "provider-credential-that-nobody-may-see"


# ── upstreams ───────────────────────────────────────────────────────────────────


def test_a_local_server_becomes_an_upstream_and_goes_again(node: Node) -> None:
    """Added without models it is asked for them; names that are taken get the upstream's name in front."""
    with demo_upstream(key=PROVIDER_KEY) as local:
        node.environment["LOCAL_KEY"] = PROVIDER_KEY
        added = node.cli("upstreams", "add", "local", "--base-url", local.url, "--api-key-env", "LOCAL_KEY")
        [upstream] = [one for one in node.listed("upstreams", "list") if one["name"] == "local"]
        tested = node.cli("upstreams", "test", "local").stdout
        answer = node.chat("hi", model="local/echo")
        story = node.story(answer)
        again = node.cli("upstreams", "add", "local", "--base-url", local.url, check=False)
        removed = node.cli("upstreams", "remove", "local").stdout
        gone = node.chat("hi", model="local/echo")

    assert added.stdout == f"Added local with {len(MODELS)} models.\n"
    assert upstream["has_credential"] is True
    assert "local/echo" in upstream["models"]
    assert PROVIDER_KEY not in json.dumps(upstream)
    assert re.search(rf"local answered in \d+ ms: {len(MODELS)} models", tested)
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    assert (story["upstream"], story["upstream_model"]) == ("local", "echo")
    assert again.returncode == 1
    assert "There is an upstream named 'local' already" in again.stderr
    assert removed == "Removed local\n"
    assert gone.status_code == 404


def test_an_upstream_with_models_is_not_asked_for_them(node: Node) -> None:
    """It may list hundreds, or none; names that are free are taken as they are."""
    with demo_upstream() as local:
        added = node.cli("upstreams", "add", "few", "--base-url", local.url, "--models", "demo-slow, fresh")
        names = {model["id"] for model in _models(node)}
        [upstream] = [one for one in node.listed("upstreams", "list") if one["name"] == "few"]
        node.cli("upstreams", "remove", "few")
        after = {model["id"] for model in _models(node)}

    assert added.stdout == "Added few with 2 models.\n"
    assert upstream["models"] == ["few/demo-slow", "fresh"]
    assert {"few/demo-slow", "fresh", "demo-slow"} <= names
    assert names - after == {"few/demo-slow", "fresh"}


def _models(node: Node) -> list[dict[str, Any]]:
    answer = node.send("GET", "/v1/models", headers={"authorization": f"Bearer {node.key}"})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_an_upstream_that_refuses_its_credential_says_so(node: Node) -> None:
    """The operator's mistake must look like the operator's, to the operator and to clients."""
    with demo_upstream(key=PROVIDER_KEY) as local:
        added = node.cli("upstreams", "add", "locked", "--base-url", local.url)
        tested = node.cli("upstreams", "test", "locked", check=False)
        node.manage(
            "POST",
            "/api/v1/models",
            body={"name": "locked-echo", "upstream": "locked", "upstream_model": "echo"},
        )
        answer = node.chat(model="locked-echo")
        node.cli("upstreams", "remove", "locked")

    assert "with 0 models" in added.stdout
    assert "refuses the credential" in added.stderr
    assert tested.returncode == 1
    assert (
        tested.stderr == "keyturn: locked can't be used: the provider refuses the credential (status 401)\n"
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "upstream_credential"


def test_an_upstream_that_can_not_be_reached_is_added_and_said_to_be_so(node: Node) -> None:
    """It may just not run yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    added = node.cli("upstreams", "add", "later", "--base-url", f"http://127.0.0.1:{port}/v1")
    tested = node.cli("upstreams", "test", "later", check=False)
    node.cli("upstreams", "remove", "later")

    assert added.stdout == "Added later with 0 models.\n"
    assert "can't be reached" in added.stderr
    assert (tested.returncode, tested.stdout) == (1, "")
    assert "can't be reached" in tested.stderr


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"name": "Capital"}, "name"),
        ({"name": "-x"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "a/b"}, "name"),
        ({"base_url": "ftp://x/v1"}, "base_url"),
        ({"base_url": "x"}, "base_url"),
        ({"base_url": "http://"}, "base_url"),
        ({"base_url": "http://user:password@x/v1"}, "base_url"),
        ({"base_url": "http://x/v1?key=1"}, "base_url"),
        ({"base_url": "http://x/v1#top"}, "base_url"),
        ({"base_url": "http://x:99999/v1"}, "base_url"),
        ({"base_url": "http://[::1/v1"}, "base_url"),
        ({"base_url": "http://x/v1\r\nevil: yes"}, "base_url"),
        ({"models": ["ok", ""]}, "models[1]"),
        ({"models": ["ok", 5]}, "models[1]"),
        ({"models": "ok"}, "models"),
        ({"api_key": 5}, "api_key"),
        ({"api_key": "two\r\nlines"}, "api_key"),
    ],
)
def test_an_upstream_that_can_not_be_is_refused(
    node: Node, api: httpx.Client, members: dict[str, Any], param: str
) -> None:
    """Nothing is stored, and the member at fault is named; a password in it is not echoed."""
    body = {"name": "bad", "base_url": "http://127.0.0.1:9/v1", "models": ["m"], **members}

    answer = api.post("/upstreams", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "INVALID_MEMBER"
    assert answer.json()["error"]["details"]["param"] == param
    assert "password@" not in answer.text
    assert [
        one["name"] for one in node.manage("GET", "/api/v1/upstreams")["data"] if one["name"] == "bad"
    ] == []


def test_the_credential_in_the_environment_makes_an_upstream_at_the_first_start(tmp_path: Path) -> None:
    """``OPENAI_API_KEY`` is all a newcomer has; it is sealed at rest and sent to that provider only."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(20)
        node = Node(tmp_path, workers=1)
        node.environment |= {
            "OPENAI_API_KEY": PROVIDER_KEY,
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}",
            "NO_PROXY": "127.0.0.1",
        }
        with running(node):
            with proxy.accept()[0] as connection:
                asked = connection.recv(65_536)
            [upstream] = [
                one for one in node.manage("GET", "/api/v1/upstreams")["data"] if one["name"] == "openai"
            ]
            until(lambda: "can't be listed" in node.errors.read_text(), what="the remark in the log")
            assert node.stop() == 0
            again = node.start()
            kept = [one["name"] for one in again.manage("GET", "/api/v1/upstreams")["data"]]

    assert asked.startswith(b"CONNECT api.openai.com:443 ")
    assert PROVIDER_KEY.encode() not in asked
    assert upstream["base_url"] == "https://api.openai.com/v1"
    assert upstream["has_credential"] is True
    assert kept == ["demo", "demo-anthropic", "demo-gemini", "openai"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PROVIDER_KEY.encode() not in path.read_bytes(), path


def test_a_credential_is_sealed_at_rest(node: Node) -> None:
    """Whoever copies the database has ciphertext, and the key to it lies in another file."""
    body = {
        "name": "sealed",
        "base_url": "http://127.0.0.1:9/v1",
        "api_key": PROVIDER_KEY,
        "models": ["sealed-1"],
    }
    node.manage("POST", "/api/v1/upstreams", body=body)

    [database] = node.data.glob("*.db")
    with sqlite3.connect(database) as connection:
        [[sealed]] = connection.execute("SELECT sealed_credential FROM upstreams WHERE name = 'sealed'")
    found = [
        path for path in node.data.rglob("*") if path.is_file() and PROVIDER_KEY.encode() in path.read_bytes()
    ]
    modes = {path.name: path.stat().st_mode & 0o777 for path in (node.data / "secrets").iterdir()}

    node.manage("DELETE", "/api/v1/upstreams/sealed")
    assert len(sealed) > len(PROVIDER_KEY)
    assert found == []
    assert {"master-1", "pepper-1"} <= set(modes)
    assert set(modes.values()) == {0o600}


# ── models ──────────────────────────────────────────────────────────────────────


def test_models_are_added_priced_and_removed(node: Node) -> None:
    """A name of one's own, with a price of one's own, in force on the next request."""
    node.cli("models", "add", "house", "--upstream", "demo", "--upstream-model", "echo")
    shipped = node.chat("a b", model="house")
    node.cli("models", "price", "house", "--input", "1000", "--output", "2000")
    priced = node.chat("a b", model="house")
    found = [model for model in node.listed("models", "list") if model["name"] == "house"]
    node.cli("models", "remove", "house")
    gone = node.chat("a b", model="house")

    assert shipped.headers["x-keyturn-cost"] == "0.000001500"
    assert float(priced.headers["x-keyturn-cost"]) == pytest.approx(2 * 0.001 + 2 * 0.002)
    assert [(one["upstream"], one["upstream_model"]) for one in found] == [("demo", "echo")]
    assert node.story(shipped)["price_id"].startswith("demo/echo#")
    assert gone.status_code == 404
