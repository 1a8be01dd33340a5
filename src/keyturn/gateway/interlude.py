"""What a browser is shown while the control process, which has the dashboard's pages, is not there."""

import base64
import hashlib

from keyturn.gateway import answers
from keyturn.gateway.request import Request

_PAGES = (b"/dashboard", b"/docs")
_STATUS = 503
_STYLE = (
    ":root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}"
    "body{margin:0;padding:8vh 1rem;display:grid;place-items:start center}"
    "main{max-width:25rem}h1{font-size:1.35rem}"
)
_CSP = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_OPENED = "This page looks for it by itself, and opens as soon as it is back. Nothing is lost, and calls to models go on."
_SENT = (
    "What you sent was not answered. Reload this page in a moment: your browser then sends it once more. "
    "If it was under way already, look first whether it was done. Calls to models go on."
)


def wanted(request: Request) -> bool:
    """Say whether a person sees the answer: a browser opens a page, or sends a form of one."""
    path = request.path
    return b"text/html" in request.headers.get(b"accept", b"").lower() and (
        path == b"/" or path.startswith(_PAGES)
    )


def page(request: Request, request_id: str) -> bytes:
    """Return the whole answer: a page that comes again by itself, unless that would send a form twice."""
    opened = request.method in {b"GET", b"HEAD"}
    again = '<meta http-equiv="refresh" content="2">' if opened else ""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{again}'
        f"<title>Starting again · Keyturn</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>The dashboard is starting again</h1><p>{_OPENED if opened else _SENT}</p></main></body></html>"
    )
    headers = (
        f"x-request-id: {request_id}\r\nretry-after: 1\r\ncache-control: no-store\r\n"
        f"content-security-policy: {_CSP}\r\nx-content-type-options: nosniff\r\n"
    )
    return answers.document(
        _STATUS,
        body.encode(),
        headers=headers.encode(),
        keep_alive=request.keep_alive,
        media_type="text/html; charset=utf-8",
    )
