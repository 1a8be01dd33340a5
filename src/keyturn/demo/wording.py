"""What differs between the dialects of the demo upstream beside their codecs: names of things, headers, errors."""

import hashlib
from collections.abc import Callable

import msgspec

from keyturn.demo import replies
from keyturn.demo.models import MODELS, Behaviour, Task
from keyturn.demo.replies import Reply, Served
from keyturn.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from keyturn.dialects.canonical import ProviderError
from keyturn.dialects.translators import ClientDialect
from keyturn.domain.refusals import Refused

Headers = list[tuple[str, str]]


class Wording(msgspec.Struct, frozen=True):
    """One dialect."""

    codec: ClientDialect
    answer_id: str
    """What the id of an answer begins with."""
    call_id: str
    """What the id of a call begins with."""
    headers: Callable[[bytes], Headers]
    """What the provider adds to answers, from the request's body."""
    writes_error: Callable[[int, str], bytes] | None = None
    """The body of an error; ``None``: as OpenAI words it."""

    def error(self, status: int, message: str, *, headers: Headers | None = None) -> Reply:
        """Return an error without details."""
        if self.writes_error is None:
            return replies.error(status, message, headers=headers or ())
        return replies.plain(self.writes_error(status, message), status=status, headers=headers or ())

    def refusal(self, why: Refused) -> Reply:
        """Return the 400 for a request that the codec can't read."""
        if self.writes_error is None:
            return replies.error(400, why.text, param=why.param, code="invalid_value")
        return self.error(400, f"{why.param}: {why.text}" if why.param else why.text)

    def unknown_model(self, name: str) -> Reply:
        """Return the 404 for a model that is not there, or can't do what it is asked for."""
        message = f"The model `{name}` does not exist or you do not have access to it."
        if self.writes_error is None:
            return replies.error(404, message, param="model", code="model_not_found")
        return self.error(404, message)

    def model(self, name: str, task: Task) -> Behaviour | Reply:
        """Return what a model does, or the error of one that is not there or always fails."""
        found = MODELS.get(name)
        if found is None or task not in found.does:
            return self.unknown_model(name)
        return self.failure(name, found) if found.fails_with else found

    def not_allowed(self, verb: str, path: str, allowed: str) -> Reply:
        """Return the 405 for a method that a path does not take."""
        message = (
            f"Not allowed to {verb} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
        )
        headers = [("allow", allowed)]
        if self.writes_error is None:
            return replies.error(405, message, code="method_not_supported", headers=headers)
        return self.error(405, message, headers=headers)

    def failure(self, model: str, behaviour: Behaviour) -> Reply:
        """Return what a model that always fails says."""
        status = behaviour.fails_with
        if status == 429:
            message, kind, code = (
                f"Rate limit reached for {model}. Please try again in 1s.",
                "requests",
                "rate_limit_exceeded",
            )
            headers = [("retry-after", "1")]
        else:
            message, kind, code = (
                "The engine is currently overloaded, please try again later.",
                "server_error",
                "service_unavailable",
            )
            headers = []
        if self.writes_error is None:
            failed = replies.error(status, message, kind=kind, code=code, headers=headers)
        else:
            failed = self.error(status, message, headers=headers)
        served = Served(model=model, input_tokens=0, output_tokens=0, streamed=False, status=status)
        return msgspec.structs.replace(failed, served=served)


def stamp(raw: bytes) -> str:
    """Return hexadecimal digits that tell a request's answer from others."""
    return hashlib.sha256(raw).hexdigest()[:24]


def _openai_headers(raw: bytes) -> Headers:
    """So that clients of a gateway can tell whose they are."""
    return [
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "1"),
        ("x-request-id", f"req_demo_{stamp(raw)}"),
    ]


def _anthropic_headers(raw: bytes) -> Headers:
    return [("request-id", f"req_demo_{stamp(raw)}")]


def _gemini_headers(raw: bytes) -> Headers:  # noqa: ARG001 - one signature for all dialects
    return [("server-timing", "gfet4t7; dur=1")]


def _anthropic_error(status: int, message: str) -> bytes:
    return anthropic_messages.write_error(status, ProviderError(message), "req_demo")


def _gemini_error(status: int, message: str) -> bytes:
    return gemini.write_error(status, ProviderError(message), "")


OPENAI = Wording(openai_chat, "chatcmpl-", "call_", _openai_headers)
RESPONSES = Wording(openai_responses, "resp_", "call_", _openai_headers)
ANTHROPIC = Wording(anthropic_messages, "msg_", "toolu_", _anthropic_headers, _anthropic_error)
GEMINI = Wording(gemini, "demo-", "call_", _gemini_headers, _gemini_error)

GEMINI_ROOT = "/v1beta/"
_MESSAGES = "/v1/messages"


def of_path(path: str, *, anthropic: bool) -> Wording:
    """Return the dialect that a client of ``path`` reads.

    Args:
        path: Without a query.
        anthropic: The request says which version of Anthropic's API it means.
    """
    if path.startswith(GEMINI_ROOT) and not path.startswith(f"{GEMINI_ROOT}openai/"):
        return GEMINI
    if path.startswith(_MESSAGES) or (anthropic and path.startswith("/v1/models")):
        return ANTHROPIC
    return OPENAI
