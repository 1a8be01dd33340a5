"""Amazon Bedrock's ``Converse``, as far as a provider speaks it: no client does, so that it is only asked and read."""

from keyturn.dialects.bedrock_answer import read_answer, read_error, usage_of_answer
from keyturn.dialects.bedrock_request import write_request
from keyturn.dialects.bedrock_stream import StreamReader, written_by

__all__ = ["StreamReader", "read_answer", "read_error", "usage_of_answer", "write_request", "written_by"]
