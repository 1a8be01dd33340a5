"""How commands reach a node: over its socket on this machine, or over its address with a key."""

import inspect
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import ConfigOption, DataOption, KeyOption, UrlOption
from keyturn.config.data_directory import DataDirectory
from keyturn.config.load import Loaded, client_url, load

TIMEOUT_S = 30.0
"""Longer than anything the node itself waits for on behalf of a command."""
PAGE = 100

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """What the management API answered."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    key: str | None = None
    """Creation of a key only: its secret."""
    next_cursor: str | None = None
    raw: bytes = b""
    """All of it, as it came."""

    def read(self, kind: type[T]) -> T:
        """Return the data as what it is.

        Raises:
            CommandFailed: It is something else; the node may be of another version.
        """
        try:
            return msgspec.json.decode(self.data, type=kind)
        except msgspec.ValidationError as error:
            raise CommandFailed(
                f"the node's answer is not understood; is it another version? ({error})"
            ) from None


class _Problem(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: dict[str, Any] = {}


class _Refusal(msgspec.Struct, frozen=True):
    error: _Problem


class Node:
    """The management API of one node."""

    def __init__(self, http: httpx.Client, absent: str) -> None:
        """Take over an HTTP client.

        Args:
            http: Knows the address and the key.
            absent: What to say when nothing answers there.
        """
        self._http = http
        self._absent = absent

    @property
    def credential(self) -> str | None:
        """The key that calls are made with; ``None``: as the operator of this machine, without one."""
        sent: str | None = self._http.headers.get("authorization")
        return sent and sent.removeprefix("Bearer ")

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Make a call; ``None`` values of the query are left out.

        Raises:
            CommandFailed: Nobody answered, or the answer was no.
        """
        content = None if body is None else msgspec.json.encode(body)
        sent = {} if content is None else {"content-type": "application/json"}
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            content=content,
            headers=sent | dict(headers or {}),
            timeout=timeout_s,
        )
        response = self._send(request, timeout_s)
        if not response.content:
            return Answer()
        try:
            answer = msgspec.json.decode(response.content, type=Answer)
        except msgspec.DecodeError:
            raise CommandFailed(f"what answers at {self._http.base_url} is not Keyturn") from None
        return msgspec.structs.replace(answer, raw=response.content)

    def fetch(self, path: str, **query: str | int | None) -> bytes:
        """Read something that is no JSON, as it comes.

        Raises:
            CommandFailed: Nobody answered, or the answer was no.
        """
        given = {name: value for name, value in query.items() if value is not None}
        return self._send(self._http.build_request("GET", path, params=given), TIMEOUT_S).content

    def _send(self, request: httpx.Request, timeout_s: float) -> httpx.Response:
        try:
            response = self._http.send(request)
        except httpx.TimeoutException:
            raise CommandFailed(f"the node did not answer within {timeout_s:.0f} s") from None
        except httpx.ConnectError as error:
            raise CommandFailed(f"{self._absent} ({error})") from None
        except httpx.TransportError as error:
            raise CommandFailed(f"the node broke off the call ({error})") from None
        if response.status_code >= 400:
            raise CommandFailed(_refusal(response))
        return response

    def get(self, path: str, **query: str | int | None) -> Answer:
        """Read something."""
        return self.call("GET", path, query=query)

    def pour(self, path: str, out: BinaryIO, **query: str | int | None) -> None:
        """Read something of any length, and write it as it comes.

        Raises:
            CommandFailed: Nobody answered, the answer was no, or it broke off; what came before that is written.
        """
        given = {name: value for name, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", path, params=given) as response:
                if response.status_code >= 400:
                    response.read()
                    raise CommandFailed(_refusal(response))
                out.writelines(response.iter_bytes())
            out.flush()
        except httpx.ConnectError as error:
            raise CommandFailed(f"{self._absent} ({error})") from None
        except httpx.TransportError as error:
            raise CommandFailed(f"the node broke off; what was written is not all ({error})") from None

    def all(self, path: str, kind: type[T], /, **query: str | int | None) -> tuple[list[T], bytes]:
        """Read a list to its end, page by page; also as the JSON of all its members."""
        items: list[msgspec.Raw] = []
        cursor: str | None = None
        while True:
            answer = self.call("GET", path, query={**query, "limit": PAGE, "cursor": cursor})
            items += answer.read(list[msgspec.Raw])
            cursor = answer.next_cursor
            if not cursor:
                break
        raw = msgspec.json.encode(items)
        return Answer(data=msgspec.Raw(raw)).read(list[kind]), raw  # type: ignore[valid-type]


def segment(text: str) -> str:
    """Return text fit to stand between two slashes of a path."""
    return quote(text, safe="")


def _refusal(response: httpx.Response) -> str:
    try:
        problem = msgspec.json.decode(response.content, type=_Refusal).error
    except msgspec.DecodeError:
        return f"the answer was {response.status_code} {response.reason_phrase}".rstrip()
    where = problem.details.get("param")
    message = problem.message.splitlines()[0] if problem.message else problem.code
    notes = [problem.code]
    notes += [str(where)] if where and str(where) not in message else []
    request_id = response.headers.get("x-request-id")
    notes += [request_id] if response.status_code >= 500 and request_id else []
    return f"{message} ({', '.join(notes)})"


@contextmanager
def connect(loaded: Loaded, url: str | None = None, key: str | None = None) -> Iterator[Node]:
    """Open the way to a node.

    Args:
        loaded: Says where the data directory is, and the address and key from the environment.
        url: Instead of the environment's.
        key: Instead of the environment's.

    Raises:
        CommandFailed: The address is none, or comes without a key.
    """
    address = client_url(url) if url else loaded.client.url
    if not address:
        path = DataDirectory(loaded.settings.data).control_socket
        absent = (
            f"no node runs on {loaded.settings.data}; start one with `keyturn serve`, "
            "or say where it is with --data or --url"
        )
        _knock(path, absent)
        # There is no TLS on a socket of this machine, and reading the certificate authorities takes as long as the call.
        transport = httpx.HTTPTransport(uds=str(path), verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        with httpx.Client(
            transport=transport, base_url="http://keyturn", timeout=TIMEOUT_S, trust_env=False
        ) as http:
            yield Node(http, absent)
        return
    if not address.startswith(("http://", "https://")):
        raise CommandFailed(f"{address} is not an http:// or https:// address")
    secret = key or (loaded.client.key.reveal() if loaded.client.key else "")
    if not secret:
        raise CommandFailed(f"{address} asks for a management key; set KEYTURN_API_KEY")
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT_S) as http:
        yield Node(http, f"nothing answers at {address}")


def _knock(path: Path, absent: str) -> None:
    """See whether somebody listens, because a failed connection of the HTTP client tells less."""
    try:
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        raise CommandFailed(absent) from None
    except OSError as error:
        raise CommandFailed(f"{path} can't be used: {error.strerror or error}") from None


def on_node(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, as its first argument, the node that its options name.

    Every such command takes ``--data``, ``--config``, ``--url`` and ``--key`` beside its own options.
    """

    def run(**values: Any) -> None:  # noqa: ANN401 -- whatever the command's own options are
        loaded = load(config=values.pop("node_config"), flags={"data": values.pop("node_data")})
        with connect(loaded, values.pop("node_url"), values.pop("node_key")) as node:
            command(node, **values)

    own = list(inspect.signature(command).parameters.values())[1:]
    shared = {
        "node_data": DataOption,
        "node_config": ConfigOption,
        "node_url": UrlOption,
        "node_key": KeyOption,
    }
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in shared.items()
    ]
    # Typer reads a command's options off its signature.
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run
