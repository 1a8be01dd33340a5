"""OpenAI's responses dialect, as clients and providers speak it.

Errors and usage stand here; requests, answers and streams in the modules beside this one.
"""

from typing import Any

import msgspec

from keyturn.dialects import openai_errors, openai_usage
from keyturn.dialects.canonical import ProviderError
from keyturn.dialects.openai_responses_answer import read_answer, write_answer
from keyturn.dialects.openai_responses_events import StreamWriter
from keyturn.dialects.openai_responses_request import read_request
from keyturn.dialects.openai_responses_stream import StreamReader
from keyturn.dialects.openai_responses_written import write_request

__all__ = [
    "StreamReader",
    "StreamWriter",
    "read_answer",
    "read_error",
    "read_request",
    "usage_of_answer",
    "usage_of_tail",
    "write_answer",
    "write_error",
    "write_request",
]

usage_of_answer = openai_usage.from_answer
usage_of_tail = openai_usage.from_tail
write_error = openai_errors.write


def read_error(body: bytes) -> ProviderError | None:
    """Read an error body, or a response that has failed; ``None``: it says nothing that can be read.

    Hosts of this dialect put an object or a text into ``error``, or nothing around the message.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = found.get("error") or found
    if isinstance(error, str):
        return ProviderError(error)
    message = error.get("message") if isinstance(error, dict) else None
    if not isinstance(message, str):
        return None
    return ProviderError(message, str(error.get("code") or error.get("type") or ""))
