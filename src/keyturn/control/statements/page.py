"""A statement as a page to read and to print: nothing is loaded from anywhere, nothing runs."""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from keyturn.domain.money import format_usd
from keyturn.domain.statements import Statement

_FOLDER = Path(__file__).parent / "templates"


class StatementPages:
    """Makes pages."""

    def __init__(self) -> None:
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        templates.filters["usd"] = dollars
        self._template = templates.get_template("statement.html")
        self._style = (_FOLDER / "statement.css").read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self.headers = {
            "content-security-policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        """Of an answer that holds a page."""

    def render(self, statement: Statement, contact: str) -> str:
        """Return the page; ``contact`` says whom to ask, empty for nobody."""
        zone = ZoneInfo(statement.zone)
        return self._template.render(
            statement=statement,
            style=self._style,
            contact=contact,
            first=datetime.fromtimestamp(statement.starts_at, zone).date(),
            last=datetime.fromtimestamp(statement.known_until, zone).date(),
            day=lambda at: datetime.fromtimestamp(at / 1000, zone).date(),
        )


def dollars(nano_usd: int) -> str:
    """Return an amount for people: with at least two decimals, and all that there are."""
    sign, exact = ("\N{MINUS SIGN}" if nano_usd < 0 else ""), format_usd(abs(nano_usd))
    whole, _, decimals = exact.partition(".")
    return f"{sign}${int(whole):,}.{decimals.ljust(2, '0')}"
