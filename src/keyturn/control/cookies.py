"""The cookies that the dashboard sets: all but the theme are out of reach for scripts."""

import base64
import binascii

import msgspec
from litestar.datastructures import Cookie, Headers

SESSION, VISIT, TOAST, THEME = "keyturn_session", "keyturn_visit", "keyturn_toast", "keyturn_theme"
HOLDER = "keyturn_holder"
DEVICE = "keyturn_device"
"""A mark of ``services.devices``."""
PENDING, LED = "keyturn_pending", "keyturn_led"
"""Tickets: half signed in; led to an OpenID provider."""
_SECURE = "__Host-"
_LONGEST_TOAST = 1_500


class Toast(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the next page says once about what was done."""

    text: str
    kind: str = "done"
    """``done`` or ``failed``."""
    undo: str = ""
    """A path below ``/dashboard`` that takes it back with a POST; empty: nothing does."""


def read(headers: Headers, name: str) -> str:
    """Return a cookie; over TLS it has the prefix that only this host can set."""
    wanted = _name(headers, name)
    for pair in headers.get("cookie", "").split(
        ";"
    ):  # RFC 6265 5.4: what others set on this host is not ours to judge
        key, _, value = pair.strip().partition("=")
        if key == wanted:
            return value.strip('"')
    return ""


def write(headers: Headers, name: str, value: str, *, max_age_s: int | None = None) -> Cookie:
    """Return a cookie to set, with the headers of the request that it answers.

    Args:
        headers: Of the request.
        name: One of the above.
        value: What to keep.
        max_age_s: How long; ``None``: until the browser ends. 0 takes it away.
    """
    return Cookie(
        _name(headers, name),
        path="/",
        value=value,
        max_age=max_age_s,
        secure=_is_secure(headers),
        httponly=name != THEME,
        samesite="lax",
    )


def toast(headers: Headers, said: Toast) -> Cookie:
    """Return the cookie that has the next page say something."""
    if len(said.text) > _LONGEST_TOAST:
        said = msgspec.structs.replace(said, text=said.text[:_LONGEST_TOAST] + "…")
    return write(headers, TOAST, base64.urlsafe_b64encode(msgspec.json.encode(said)).decode(), max_age_s=60)


def read_toast(headers: Headers) -> Toast | None:
    """Return what the page before wants said."""
    kept = read(headers, TOAST)
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(kept), type=Toast) if kept else None
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):
        return None
    if said is not None and said.undo and not said.undo.startswith("/dashboard/"):
        return msgspec.structs.replace(said, undo="")
    return said


def _is_secure(headers: Headers) -> bool:
    return headers.get("x-forwarded-proto") == "https"


def _name(headers: Headers, name: str) -> str:
    return f"{_SECURE}{name}" if _is_secure(headers) and name != THEME else name
