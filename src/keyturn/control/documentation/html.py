"""How pages are made: templates, text with marks in it, and headers that let a page do nothing but be read."""

import re
from pathlib import Path

import jinja2
import markupsafe

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_CODE = re.compile(r"`([^`]+)`")


def environment() -> jinja2.Environment:
    """Return the templates; what is put into one is escaped."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["prose"] = _prose
    found.filters["marked"] = _marked
    return found


def _prose(text: str) -> markupsafe.Markup:
    """Escape, then set what stands between backticks as code and blank lines as paragraphs."""
    paragraphs = [_marked(one.strip()) for one in text.split("\n\n") if one.strip()]
    return markupsafe.Markup("").join(markupsafe.Markup("<p>{}</p>").format(one) for one in paragraphs)


def _marked(text: str) -> markupsafe.Markup:
    """Escape, then set what stands between backticks as code."""
    return markupsafe.Markup(_CODE.sub(r"<code>\1</code>", str(markupsafe.escape(text))))  # noqa: S704 -- escaped
