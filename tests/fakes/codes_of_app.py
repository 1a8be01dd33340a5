"""Somebody's app for codes, and the forms that ask for them."""

import re
import time

import pyotp

from fakes.strangers import Somebody

SIGN_IN, ACCOUNT = "/dashboard/sign-in", "/dashboard/account"
CODES = re.compile(r"<pre[^>]*>([0-9A-Z\n-]+)</pre>")
"""Where recovery codes are shown."""
_SEED = re.compile(r'data-copy="([A-Z2-7]{32})"')


def seed_of(somebody: Somebody) -> str:
    """Set an app up for somebody; return its seed."""
    assert somebody.post(f"{ACCOUNT}/two-factor/begin").headers["location"] == f"{ACCOUNT}/two-factor"
    found = _SEED.search(somebody.get(f"{ACCOUNT}/two-factor").text)
    assert found is not None
    return found[1]


def turn_on(somebody: Somebody) -> tuple[pyotp.TOTP, str, list[str]]:
    """Turn codes on for somebody; return the app, the code of it that did so, and the recovery codes."""
    app = pyotp.TOTP(seed_of(somebody))
    code = app.now()
    answer = somebody.post(f"{ACCOUNT}/two-factor", {"code": code})
    shown = CODES.search(answer.text)
    assert shown is not None, answer.text
    return app, code, shown[1].split()


def later(app: pyotp.TOTP) -> str:
    """Return the code of the step after this one, which counts already."""
    return app.at(int(time.time()) + 30)


def give_code(somebody: Somebody, code: str) -> str:
    """Fill in the second form of the sign-in; return where it leads, empty if it is refused."""
    answer = somebody.post(f"{SIGN_IN}/code", {"code": code}, page=f"{SIGN_IN}/code")
    return str(answer.headers.get("location", ""))
