"""Puts a page together: the template, what every page shows around it, and headers that let it do nothing it need not."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from litestar import Request, Response
from litestar.response import Redirect

from keyturn import __version__, system
from keyturn.control import cookies
from keyturn.control.cookies import Toast
from keyturn.control.dashboard import figures
from keyturn.control.dashboard.guard import csrf_of, holder_in, known_visitor, open_alerts_of
from keyturn.control.dashboard.navigation import sections_for
from keyturn.control.errors import help_of
from keyturn.control.visitors import own_origin
from keyturn.domain.refusals import Refused

AnyRequest = Request[Any, Any, Any]
Page = Response[Any]

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
PATH = "/dashboard"
VISIT_S = 86_400
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}


class Pages:
    """The templates, with what they can call. One for the life of the process."""

    def __init__(self) -> None:
        self.version = asset_version()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )
        self._templates.filters.update(figures.FILTERS)
        self._templates.globals.update(
            asset=lambda name: f"{PATH}/static/{self.version}/{name}", version=__version__
        )

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the page of a template."""
        return self._templates.get_template(name).render(values)


def render(
    request: AnyRequest,
    template: str,
    *,
    title: str,
    section: str = "",
    status: int | None = None,
    refused: Refused | None = None,
    **values: object,
) -> Page:
    """Answer with a page.

    Args:
        request: What is answered.
        template: Its file below ``templates``.
        title: Of the page, for the browser's tab and its heading.
        section: Which entry of the navigation it belongs to (``navigation.SECTIONS``).
        status: Of the answer; ``None``: the refusal's, or 200.
        refused: Why what the page before sent was not done: shown above, and beside the field at fault.
        values: What the template works with.
    """
    pages: Pages = request.app.state["pages"]
    visitor = known_visitor(request)
    said = cookies.read_toast(request.headers)
    zone = visitor.signed_in.time_zone if visitor else "UTC"
    with figures.zone(ZoneInfo(zone)):
        page = pages.render(
            template,
            {
                "title": title,
                "section": section,
                "sections": sections_for(visitor.person) if visitor else [],
                "visitor": visitor,
                "open_alerts": open_alerts_of(request),
                "csrf": csrf_of(request),
                "toast": said,
                "theme": _theme(request),
                "origin": own_origin(request.headers),
                "here": request.url.path,
                "query": request.url.query,
                "now_ms": system.now_ms(),
                "refused": refused,
                "support": help_of(request).contact,
                **values,
            },
        )
    if status is None:
        status = 200 if refused is None else refused.rule.status
    headers = dict(HEADERS)
    if refused is not None and refused.wait_s is not None:
        headers["retry-after"] = str(refused.wait_s)
    answer = Response(page, media_type="text/html", status_code=status, headers=headers)
    if said is not None:
        answer.cookies.append(cookies.write(request.headers, cookies.TOAST, "", max_age_s=0))
    if (
        visitor is None
        and holder_in(request) is None
        and cookies.read(request.headers, cookies.VISIT) != csrf_of(request)
    ):
        kept = cookies.write(request.headers, cookies.VISIT, csrf_of(request), max_age_s=VISIT_S)
        answer.cookies.append(kept)
    return answer


def piece(request: AnyRequest, template: str, **values: object) -> Page:
    """Answer with a piece of a page for the script of one that is open: what is said once waits for a whole one.

    Args:
        request: What is answered.
        template: Its file below ``templates``.
        values: What the template works with.
    """
    pages: Pages = request.app.state["pages"]
    visitor = known_visitor(request)
    with figures.zone(ZoneInfo(visitor.signed_in.time_zone if visitor else "UTC")):
        page = pages.render(template, {"csrf": "", "refused": None, **values})
    return Response(page, media_type="text/html", headers=HEADERS)


def see(request: AnyRequest, path: str, said: str = "", *, failed: bool = False, undo: str = "") -> Page:
    """Answer a form that was sent: lead to another page, which says once what was done.

    Args:
        request: What is answered.
        path: Where to; below ``/dashboard``.
        said: What the page says; empty: nothing.
        failed: It did not work.
        undo: A path that takes it back with a POST.
    """
    answer = Redirect(path, status_code=303, headers={"cache-control": "no-store"})
    if said:
        toast = Toast(said, "failed" if failed else "done", undo)
        answer.cookies.append(cookies.toast(request.headers, toast))
    return answer


def with_query(request: AnyRequest, **changes: str) -> str:
    """Return the address of this page with other query parameters; an empty one is left out."""
    given = {name: value for name, value in request.query_params.items() if isinstance(value, str)}
    kept = {name: value for name, value in (given | changes).items() if value}
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def safe_path(path: str) -> str:
    """Return where to go on, if it is a page of ours, else the first page: no link leads somebody elsewhere."""
    plain = path.startswith((f"{PATH}/", f"{PATH}?")) or path == PATH
    return path if plain and "\\" not in path and path.isprintable() and "//" not in path else PATH


def asset_version() -> str:
    """Return a name for what style sheets and scripts are now: browsers keep them until it is another."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _theme(request: AnyRequest) -> str:
    wanted = cookies.read(request.headers, cookies.THEME)
    return wanted if wanted in {"light", "dark"} else ""
