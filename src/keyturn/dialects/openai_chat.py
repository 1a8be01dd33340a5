"""Chat completions, OpenAI's dialect and that of the many hosts compatible with it."""

from keyturn.dialects.openai_chat_answer import read_answer, read_error, write_answer
from keyturn.dialects.openai_chat_prompt import write_request
from keyturn.dialects.openai_chat_request import read_request
from keyturn.dialects.openai_chat_stream import StreamReader
from keyturn.dialects.openai_chat_stream_writer import StreamWriter
from keyturn.dialects.openai_errors import write as write_error
from keyturn.dialects.openai_usage import from_answer as usage_of_answer, from_tail as usage_of_tail

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
