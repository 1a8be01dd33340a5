"""Keys for an API of somebody else: a proxy asks at /auth."""

import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.node import NO_TLS, Node, free_port, until
from support.servers import program

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "protect-your-own-api.md"
CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
{locations}
  }}
}}
"""


class Api(http.server.BaseHTTPRequestHandler):
    """The API to be protected: keeps the headers that reach it."""

    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        """Answer."""
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    do_POST = do_GET  # noqa: N815 -- the library's name

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def api() -> Iterator[type[Api]]:
    """The API, listening."""
    handler = type("Handler", (Api,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.port = server.server_port  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxy(node: Node, api: type[Api], tmp_path: Path) -> Iterator[str]:
    """A real nginx with the configuration that the guide shows; its address."""
    found = re.search(r"## nginx\n\n```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    locations = found[1].replace("127.0.0.1:8080", f"127.0.0.1:{node.port}")
    locations = locations.replace("127.0.0.1:3000", f"127.0.0.1:{api.port}")  # type: ignore[attr-defined]
    port = free_port()
    file = tmp_path / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path, port=port, locations=locations))
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([program("nginx", "nginx"), "-p", tmp_path, "-c", file]) as process:

        def answers() -> bool:
            assert process.poll() is None
            try:
                httpx.get(url, verify=NO_TLS)
            except httpx.TransportError:
                return False
            return True

        until(answers, what="nginx's first answer")
        yield url
        process.terminate()


def get(url: str, **headers: str) -> httpx.Response:
    """Ask, on a connection of its own."""
    return httpx.get(url, headers=headers, verify=NO_TLS, timeout=10)


def test_nginx_lets_a_good_key_through_and_tells_the_api_whose_it_is(
    node: Node, proxy: str, api: type[Api]
) -> None:
    """The API learns the identity and never sees the key."""
    key_id, secret = node.new_key("reports")

    answer = get(f"{proxy}/reports/7?x=1", authorization=f"Bearer {secret}")

    assert (answer.status_code, answer.text) == (200, "hello")
    assert api.seen[-1]["x-keyturn-key-id"] == key_id
    assert api.seen[-1]["x-keyturn-project-id"].startswith("proj_")
    assert not any(secret in value for value in api.seen[-1].values())


def test_nginx_keeps_everybody_else_out(node: Node, proxy: str, api: type[Api]) -> None:
    """401 for who are you, 403 for not here; nothing reaches the API."""
    _, limited = node.new_key("limited", endpoints=["/reports/*"])
    key_id, disabled = node.new_key("disabled")
    node.manage("POST", f"/api/v1/keys/{key_id}/disable")
    before = len(api.seen)

    missing = get(f"{proxy}/reports/1")
    malformed = get(f"{proxy}/reports/1", authorization="Bearer nonsense")
    ended = get(f"{proxy}/reports/1", authorization=f"Bearer {disabled}")
    two = get(f"{proxy}/reports/1", **{"authorization": f"Bearer {limited}", "x-api-key": "other"})
    elsewhere = get(f"{proxy}/billing", authorization=f"Bearer {limited}")

    assert [missing.status_code, malformed.status_code, ended.status_code] == [401, 401, 401]
    assert missing.headers["www-authenticate"] == 'Bearer realm="Keyturn"'
    assert two.status_code == 401
    assert elsewhere.status_code == 403
    assert len(api.seen) == before


def test_a_revoked_key_is_kept_out_when_the_call_returns(node: Node, proxy: str) -> None:
    """Also by way of somebody else's proxy."""
    key_id, secret = node.new_key("leaked")
    assert get(f"{proxy}/", authorization=f"Bearer {secret}").status_code == 200

    node.manage("POST", f"/api/v1/keys/{key_id}/revoke")

    assert get(f"{proxy}/", authorization=f"Bearer {secret}").status_code == 401


def test_the_identity_is_told_in_headers(node: Node) -> None:
    """What Traefik, Caddy and Envoy copy to the API."""
    key_id, secret = node.new_key("café 7", environment="production", permissions=["read", "write"])

    answer = node.send("GET", "/auth?permission=write", headers={"x-api-key": secret})

    assert answer.status_code == 200
    assert answer.headers["x-keyturn-key-id"] == key_id
    assert answer.headers["x-keyturn-key-name"] == "caf%C3%A9 7"
    assert answer.headers["x-keyturn-environment"] == "production"
    assert answer.headers["x-keyturn-permissions"] == "read write"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_proxy_may_ask_with_any_method(node: Node, method: str) -> None:
    """Envoy asks with the method of the request in question."""
    answer = node.send(method, "/auth", headers={"authorization": f"Bearer {node.key}"})

    assert answer.status_code == 200


def test_a_permission_that_the_key_has_not_got_is_refused(node: Node) -> None:
    """And one that does not exist is no permission."""
    headers = {"authorization": f"Bearer {node.key}"}

    lacking = node.send("GET", "/auth?permission=write", headers=headers)
    unknown = node.send("GET", "/auth?permission=fly", headers=headers)

    assert (lacking.status_code, lacking.json()["error"]["details"]["required"]) == (403, "write")
    assert unknown.status_code == 401


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/auth", {"x-original-uri": "/reports/1?a=b"}),
        ("/auth", {"x-forwarded-uri": "/reports/1"}),
        ("/auth", {"x-original-url": "https://api.example/reports/1"}),
        ("/auth/reports/1?permission=admin", {}),
    ],
)
def test_the_path_in_question_is_found_where_each_proxy_puts_it(
    node: Node, path: str, headers: dict[str, str]
) -> None:
    """The key's endpoints are matched against it; behind a prefix the query is the client's, so it decides nothing."""
    _, inside = node.new_key("inside", endpoints=["/reports/*"])
    _, outside = node.new_key("outside", endpoints=["/billing/*"])

    admitted = node.send("GET", path, headers={"x-api-key": inside, **headers})
    refused = node.send("GET", path, headers={"x-api-key": outside, **headers})

    assert (admitted.status_code, refused.status_code) == (200, 403)


def test_a_key_in_the_original_url_counts(node: Node) -> None:
    """Where keys in the query are taken at all."""
    answer = node.send("GET", "/auth", headers={"x-original-uri": f"/reports?api_key={node.key}"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/auth", {"x-original-uri": "/admin", "x-forwarded-uri": "/reports/1"}),
        ("/auth", {"x-original-uri": "/reports/1", "x-original-url": "https://api.example/admin"}),
        ("/auth/admin", {"x-forwarded-uri": "/reports/1"}),
        ("/auth", {"x-original-uri": "/reports/1, /admin"}),
        ("/auth", {"x-original-uri": "/reports/../admin"}),
        ("/auth", {"x-original-uri": "/reports/%2e%2e/admin"}),
        ("/auth", {"x-original-uri": "//admin/reports/1"}),
        ("/auth/admin/..;/reports/1", {}),
    ],
)
def test_a_client_can_not_name_another_path_than_its_own(
    node: Node, path: str, headers: dict[str, str]
) -> None:
    """A proxy sets one header and passes on what the client sent as the others; and `..` is undone behind it."""
    _, secret = node.new_key("reports", endpoints=["/reports/*"])

    answer = node.send("GET", path, headers={"x-api-key": secret, **headers})

    assert answer.status_code in {401, 403}


@pytest.mark.parametrize("target", ["//[", "http://[", "http://", "", "?", "://", "/%ff%fe", "/\xe9"])
def test_whatever_a_client_asks_for_there_is_an_answer(node: Node, target: str) -> None:
    """The target is the client's own words: none may keep a proxy waiting."""
    headers = {b"x-api-key": node.key.encode(), b"x-original-uri": target.encode("latin-1")}

    answer = httpx.get(f"{node.url}/auth", headers=headers, timeout=20, verify=NO_TLS)

    assert answer.status_code == 200
