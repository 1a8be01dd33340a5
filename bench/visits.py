"""Signing in to the dashboard of a node that is measured."""

import re

import httpx

from bench.subjects import Failure, Subject

PASSWORD, EMAIL = "correct horse battery", "bench@example.com"
_SETUP = re.compile(r"/dashboard/setup#(\w+)")
_CSRF = re.compile(r'<meta name="csrf" content="(\w+)">')


def sign_in(subject: Subject, sessions: int = 1) -> list[str]:
    """Make the node's first owner; return the cookies of as many sessions of theirs."""
    token = _SETUP.search((subject.data.parent / "keyturn.log").read_text())
    if token is None:
        raise Failure("the node printed no link to set it up")
    new = {"token": token[1], "email": EMAIL, "name": "Bench", "password": PASSWORD}
    again = {"email": EMAIL, "password": PASSWORD}
    return [
        _session(subject, "/dashboard/setup", new),
        *(_session(subject, "/dashboard/sign-in", again) for _ in range(sessions - 1)),
    ]


def _session(subject: Subject, path: str, form: dict[str, str]) -> str:
    """Fill in a form that lets somebody in; return their cookies."""
    with httpx.Client(base_url=f"http://127.0.0.1:{subject.port}") as client:
        csrf = _CSRF.search(client.get(path).text)
        answer = client.post(path, data={**form, "csrf": csrf[1] if csrf else ""})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise Failure(f"{path} did not let anybody in: {answer.status_code}")
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
