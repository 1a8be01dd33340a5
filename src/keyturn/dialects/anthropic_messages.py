"""Anthropic's ``/v1/messages`` and ``/v1/messages/count_tokens``, in both directions."""

from keyturn.dialects.anthropic_answer import (
    read_answer,
    read_counted,
    read_error,
    write_answer,
    write_count,
    write_error,
)
from keyturn.dialects.anthropic_request import read_count, read_request
from keyturn.dialects.anthropic_stream import StreamReader
from keyturn.dialects.anthropic_stream_end import cut_short
from keyturn.dialects.anthropic_stream_writing import StreamWriter
from keyturn.dialects.anthropic_usage import usage_of_answer, usage_of_stream, usage_of_tail
from keyturn.dialects.anthropic_writing import write_count_request, write_request

__all__ = [
    "StreamReader",
    "StreamWriter",
    "cut_short",
    "read_answer",
    "read_count",
    "read_counted",
    "read_error",
    "read_request",
    "usage_of_answer",
    "usage_of_stream",
    "usage_of_tail",
    "write_answer",
    "write_count",
    "write_count_request",
    "write_error",
    "write_request",
]
