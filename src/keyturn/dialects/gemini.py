"""Gemini's dialect: ``generateContent`` and ``streamGenerateContent``, in both directions.

How it differs from the meeting point:

- the model and whether to stream stand in the path
- calls and responses are parts; ids are newer than most models
- a stream has no parts that open and close, and its calls come whole
- an answer that waits for tools stops as any other
- signatures are base64, and stand on whatever part they come with; of a text, it is read as a thought without words
"""

from keyturn.dialects.gemini_answer import read_answer, read_error, write_answer, write_error
from keyturn.dialects.gemini_request import read_request
from keyturn.dialects.gemini_request_out import write_request
from keyturn.dialects.gemini_stream import StreamReader
from keyturn.dialects.gemini_stream_out import StreamWriter, cut_short
from keyturn.dialects.gemini_usage import usage_of_answer, usage_of_tail

__all__ = [
    "StreamReader",
    "StreamWriter",
    "cut_short",
    "read_answer",
    "read_error",
    "read_request",
    "usage_of_answer",
    "usage_of_tail",
    "write_answer",
    "write_error",
    "write_request",
]
