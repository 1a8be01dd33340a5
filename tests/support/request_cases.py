"""Requests, good and bad, and what has to become of each however its bytes arrive."""

from typing import NamedTuple

from keyturn.config.sections import Server
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.request import Request
from keyturn.gateway.request_reader import RequestReader

LIMITS = Server(max_head_bytes=1024, max_headers=20, max_body_bytes=2000)

Seen = tuple[str, str, str, bytes, bool]
"""Method, path, query, body, keep-alive."""


class Reader(RequestReader):
    """Keeps what it has read."""

    __slots__ = ("requests",)

    def __init__(self, settings: Server = LIMITS) -> None:
        super().__init__(settings)
        self.requests: list[Request] = []

    def completed(self, request: Request) -> None:
        """Keep a request."""
        self.requests.append(request)


def fed(*pieces: bytes, settings: Server = LIMITS) -> Reader:
    """Return a reader that was fed the pieces, as a connection does it: not beyond a refusal."""
    reader = Reader(settings)
    for piece in pieces:
        if reader.refusal is None:
            reader.feed(piece)
    return reader


def facts(reader: Reader) -> tuple[list[tuple[object, ...]], Refused | None]:
    """Return all that must not depend on how the bytes arrived."""
    requests: list[tuple[object, ...]] = [
        (
            one.method,
            one.path,
            one.query,
            one.headers,
            one.repeated,
            bytes(one.body),
            one.keep_alive,
            one.http_10,
        )
        for one in reader.requests
    ]
    return requests, reader.refusal


class Case(NamedTuple):
    """Bytes of a client and what has to become of them."""

    name: str
    data: bytes
    requests: list[Seen]
    """Those that are read before the refusal, if there is one."""
    reason: Reason | None = None


def get(path: str, *, keep_alive: bool = True, method: str = "GET", query: str = "") -> Seen:
    """Describe a request without a body."""
    return method, path, query, b"", keep_alive


def post(body: bytes, *, path: str = "/p") -> Seen:
    """Describe a request with a body."""
    return "POST", path, "", body, True


def head(line: str, *fields: str, host: str = "Host: a\r\n") -> bytes:
    """Write a head."""
    return f"{line}\r\n{host}{''.join(f'{field}' + chr(13) + chr(10) for field in fields)}\r\n".encode(
        "latin-1"
    )


CHUNKED, UPGRADE = "Transfer-Encoding: chunked", ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
GET, POST = "GET /p HTTP/1.1", "POST /p HTTP/1.1"
PLAIN = head(GET)
CHUNKS = b'5\r\nhello\r\n6;ext=1;q="a b"\r\n world\r\n0;last\r\n'
BAD, LARGE_HEAD, LARGE_BODY = Reason.MALFORMED_REQUEST, Reason.HEAD_TOO_LARGE, Reason.BODY_TOO_LARGE
METHOD = Reason.METHOD_NOT_ALLOWED
NEAR_LIMIT = 1024 - len("/pHosta") - 4 - len("A") - 4

CASES = [
    # ── good ────────────────────────────────────────────────────────────────
    Case("plain", PLAIN, [get("/p")]),
    Case("query", head("GET /p?a=1?b HTTP/1.1"), [get("/p", query="a=1?b")]),
    Case("pipelined", PLAIN * 3, [get("/p")] * 3),
    Case("empty lines before", b"\r\n\r\n" + PLAIN, [get("/p")]),
    Case("body", head(POST, "Content-Length: 5") + b"hello", [post(b"hello")]),
    Case("empty body", head(POST, "Content-Length: 0"), [post(b"")]),
    Case(
        "body and pipelined", head(POST, "Content-Length: 5") + b"hello" + PLAIN, [post(b"hello"), get("/p")]
    ),
    Case(
        "GET with a body",
        head(GET, "Content-Length: 2") + b"hi" + PLAIN,
        [("GET", "/p", "", b"hi", True), get("/p")],
    ),
    Case(
        "chunks and extensions",
        head(POST, CHUNKED) + CHUNKS + b"\r\n" + PLAIN,
        [post(b"hello world"), get("/p")],
    ),
    Case(
        "coding in capitals",
        head(POST, "Transfer-Encoding: Chunked") + b"2\r\nhi\r\n0\r\n\r\n",
        [post(b"hi")],
    ),
    Case(
        "trailers",
        head(POST, CHUNKED) + CHUNKS + b"Authorization: Bearer k\r\nHost: evil\r\nX-A: b\r\n\r\n" + PLAIN,
        [post(b"hello world"), get("/p")],
    ),
    Case("expect", head(POST, "Expect: 100-continue", "Content-Length: 2") + b"hi", [post(b"hi")]),
    Case("close", head(GET, "Connection: close"), [get("/p", keep_alive=False)]),
    Case("HTTP/1.0", b"GET /p HTTP/1.0\r\n\r\n", [get("/p", keep_alive=False)]),
    Case(
        "HTTP/1.0 keep-alive",
        head("GET /p HTTP/1.0", "Connection: keep-alive"),
        [get("/p", keep_alive=False)],
    ),
    Case("absolute form", head("GET http://b:80/p?q=1 HTTP/1.1"), [get("/p", query="q=1")]),
    Case("absolute form in capitals", head("GET HTTPS://b/p HTTP/1.1"), [get("/p")]),
    Case("absolute form without a path", head("GET http://b HTTP/1.1"), [get("/")]),
    Case("absolute form, query only", head("GET http://b?q=1 HTTP/1.1"), [get("/", query="q=1")]),
    Case("OPTIONS *", head("OPTIONS * HTTP/1.1"), [get("*", method="OPTIONS")]),
    Case("IPv6 host", head(GET, host="Host: [::1]:8080\r\n"), [get("/p")]),
    Case("host with a port", head(GET, host="Host: a.b-c:8080 \r\n"), [get("/p")]),
    Case("repeated headers", head(GET, "Accept: a", "accept: b", "Cookie: c", "Cookie: d"), [get("/p")]),
    Case("two different keys", head(GET, "X-Api-Key: a", "X-Api-Key: b"), [get("/p")]),
    Case("known method of others", head("PROPFIND /p HTTP/1.1"), [get("/p", method="PROPFIND")]),
    Case("head at the limit", head(GET, "A: " + "b" * NEAR_LIMIT), [get("/p")]),
    Case(
        "body at the limit",
        head(POST, "Content-Length: 2000") + b"b" * 2000 + PLAIN,
        [post(b"b" * 2000), get("/p")],
    ),
    Case(
        "a head behind much else",
        (head(POST, "Content-Length: 900") + b"b" * 900) * 2 + head(GET, "A: " + "b" * 600),
        [post(b"b" * 900)] * 2 + [get("/p")],
    ),
    # ── offers to upgrade, declined by ignoring them ────────────────────────
    Case("h2c", head(GET, *UPGRADE, "HTTP2-Settings: AAMAAABk"), [get("/p")]),
    Case("h2c and pipelined", head(GET, *UPGRADE) + PLAIN, [get("/p")] * 2),
    Case("h2c again and again", head(GET, *UPGRADE) * 3 + PLAIN, [get("/p")] * 4),
    Case(
        "h2c with a body",
        (head(POST, *UPGRADE, "Content-Length: 5") + b"hello") * 2 + PLAIN,
        [post(b"hello")] * 2 + [get("/p")],
    ),
    Case(
        "h2c with chunks",
        head(POST, *UPGRADE, CHUNKED) + CHUNKS + b"A: b\r\n\r\n" + PLAIN,
        [post(b"hello world"), get("/p")],
    ),
    Case(
        "h2c and close",
        head(GET, "Connection: upgrade, close", "Upgrade: h2c"),
        [get("/p", keep_alive=False)],
    ),
    Case("h2c over HTTP/1.0", head("GET /p HTTP/1.0", *UPGRADE), [get("/p", keep_alive=False)]),
    Case(
        "websocket",
        head(GET, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
        [get("/p")],
    ),
    Case("upgrade that is not offered", head(GET, "Upgrade: h2c") + PLAIN, [get("/p")] * 2),
    Case("h2c and garbage", head(GET, *UPGRADE) + b"HTTP/1.1 200 OK\r\n\r\n", [get("/p")], METHOD),
    Case("h2c and a bad head", head(GET, *UPGRADE) + b"GET /p HTTP/1.1\r\nA : b\r\n\r\n", [get("/p")], BAD),
    Case("h2c with a bad chunk", head(POST, *UPGRADE, CHUNKED) + b"xyz\r\n", [], BAD),
    Case("h2c without a host", head(GET, *UPGRADE, host=""), [], BAD),
    Case("h2c and CONNECT", head(GET, *UPGRADE) + head("CONNECT a:80 HTTP/1.1"), [get("/p")], METHOD),
    # ── methods, versions, targets ──────────────────────────────────────────
    Case("CONNECT", head("CONNECT a:80 HTTP/1.1"), [], METHOD),
    Case("unknown method", head("BREW /p HTTP/1.1"), [], METHOD),
    Case("method in small letters", head("get /p HTTP/1.1"), [], METHOD),
    Case("unknown method, pipelined", PLAIN + head("BREW /p HTTP/1.1"), [get("/p")], METHOD),
    Case("more body than declared", head(POST, "Content-Length: 2") + b"hixx" + PLAIN, [post(b"hi")], METHOD),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [], METHOD),
    Case("HTTP/0.9", b"GET /p\r\n\r\n", [], BAD),
    Case("HTTP/2.0", head("GET /p HTTP/2.0"), [], BAD),
    Case("HTTP/1.2", head("GET /p HTTP/1.2"), [], BAD),
    Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [], BAD),
    Case("no slash", head("GET p HTTP/1.1"), [], BAD),
    Case("authority form", head("GET a:80 HTTP/1.1"), [], BAD),
    Case("GET *", head("GET * HTTP/1.1"), [], BAD),
    Case("another URL scheme", head("GET ftp://a/p HTTP/1.1"), [], BAD),
    Case("URL without a host", head("GET http:///p HTTP/1.1"), [], BAD),
    Case("NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", [], BAD),
    Case("bytes beyond ASCII in the target", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", [], BAD),
    # ── Host ────────────────────────────────────────────────────────────────
    Case("no host", head(GET, host=""), [], BAD),
    Case("two hosts", head(GET, "Host: a"), [], BAD),
    Case("empty host", head(GET, host="Host:\r\n"), [], BAD),
    Case("host with a path", head(GET, host="Host: a/b\r\n"), [], BAD),
    Case("host with a user", head(GET, host="Host: u@a\r\n"), [], BAD),
    Case("two hosts in one", head(GET, host="Host: a b\r\n"), [], BAD),
    Case("host in a second request", PLAIN + head(GET, host="Host: a\\b\r\n"), [get("/p")], BAD),
    # ── length and coding ───────────────────────────────────────────────────
    Case("length, then coding", head(POST, "Content-Length: 5", CHUNKED) + b"0\r\n\r\n", [], BAD),
    Case("coding, then length", head(POST, CHUNKED, "Content-Length: 5") + b"0\r\n\r\n", [], BAD),
    Case("same length twice", head(POST, "Content-Length: 5", "Content-Length: 5") + b"hello", [], BAD),
    Case("other length twice", head(POST, "Content-Length: 5", "Content-Length: 6") + b"hello!", [], BAD),
    Case("listed length", head(POST, "Content-Length: 5, 5") + b"hello", [], BAD),
    Case("signed length", head(POST, "Content-Length: +5") + b"hello", [], BAD),
    Case("negative length", head(POST, "Content-Length: -5") + b"hello", [], BAD),
    Case("empty length", head(POST, "Content-Length:") + b"hello", [], BAD),
    Case("length in hexadecimal", head(POST, "Content-Length: 0x5") + b"hello", [], BAD),
    Case("length beyond 64 bits", head(POST, "Content-Length: 99999999999999999999"), [], BAD),
    Case("gzip", head(POST, "Transfer-Encoding: gzip"), [], BAD),
    Case("gzip, chunked", head(POST, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", [], BAD),
    Case("chunked twice", head(POST, CHUNKED, CHUNKED) + b"0\r\n\r\n", [], BAD),
    Case("identity", head(POST, "Transfer-Encoding: identity") + b"0\r\n\r\n", [], BAD),
    Case("a coding that ends alike", head(POST, "Transfer-Encoding: xchunked") + b"0\r\n\r\n", [], BAD),
    Case("chunks over HTTP/1.0", head("POST /p HTTP/1.0", CHUNKED) + b"0\r\n\r\n", [], BAD),
    Case("bad chunk size", head(POST, CHUNKED) + b"xyz\r\n", [], BAD),
    Case("negative chunk size", head(POST, CHUNKED) + b"-1\r\n", [], BAD),
    Case("chunk size with a prefix", head(POST, CHUNKED) + b"0x2\r\nhi\r\n0\r\n\r\n", [], BAD),
    Case("chunk size beyond 64 bits", head(POST, CHUNKED) + b"fffffffffffffffff\r\n", [], BAD),
    Case("chunk size with a bare LF", head(POST, CHUNKED) + b"2\nhi\r\n0\r\n\r\n", [], BAD),
    Case("longer chunk than said", head(POST, CHUNKED) + b"2\r\nhello\r\n0\r\n\r\n", [], BAD),
    Case("bare LF in an extension", head(POST, CHUNKED) + b"2;a\nb\r\nhi\r\n0\r\n\r\n", [], BAD),
    Case("a length in a trailer", head(POST, CHUNKED) + b"0\r\nContent-Length: 5\r\n\r\nhello", [], BAD),
    Case(
        "another expectation",
        head(POST, "Expect: 200-ok", "Content-Length: 2") + b"hi",
        [],
        Reason.EXPECTATION_FAILED,
    ),
    # ── lines ───────────────────────────────────────────────────────────────
    Case("bare CR", head(GET, "A: b\rc"), [], BAD),
    Case("bare LF everywhere", PLAIN.replace(b"\r\n", b"\n"), [], BAD),
    Case("bare LF once", b"GET /p HTTP/1.1\r\nHost: a\nA: b\r\n\r\n", [], BAD),
    Case("bare LF at the end", b"GET /p HTTP/1.1\r\nHost: a\r\n\n", [], BAD),
    Case("folded line", head(GET, "A: b\r\n c"), [], BAD),
    Case("NUL in a value", head(GET, "A: b\0c"), [], BAD),
    Case("space before the colon", head(GET, "A : b"), [], BAD),
    Case("no name", head(GET, ": b"), [], BAD),
    Case("no colon", head(GET, "abc"), [], BAD),
    # ── too much ────────────────────────────────────────────────────────────
    Case("long value", head(GET, "A: " + "b" * 1100), [], LARGE_HEAD),
    Case("long target", head(f"GET /{'b' * 1100} HTTP/1.1"), [], LARGE_HEAD),
    Case("long head in a second request", PLAIN + head(GET, "A: " + "b" * 1100), [get("/p")], LARGE_HEAD),
    Case("many headers", head(GET, *(f"A{number}: b" for number in range(20))), [], LARGE_HEAD),
    Case("one header many times", head(GET, *["A: b"] * 20), [], LARGE_HEAD),
    Case("one key many times", head(GET, *["X-API-Key: b"] * 20), [], LARGE_HEAD),
    Case("a long header many times", head(GET, *[f"{'A' * 100}: b"] * 11), [], LARGE_HEAD),
    Case("long body declared", head(POST, "Content-Length: 2001"), [], LARGE_BODY),
    Case(
        "long body in chunks",
        head(POST, CHUNKED) + b"400\r\n" + b"b" * 1024 + b"\r\n400\r\n" + b"b" * 1024,
        [],
        LARGE_BODY,
    ),
]
