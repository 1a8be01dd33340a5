"""Names that a request of OpenAI's must have, and how long one may be: whatever its dialect, it goes to the same hosts."""

import hashlib

from keyturn.dialects import media_types
from keyturn.dialects.canonical import Media

SCHEMA_NAME = "answer"
"""Of a schema that has none; OpenAI wants one."""
_LONGEST_USER = 64


def name_of_user(name: str) -> str:
    """Return the name, or where it is too long for OpenAI its hash: all that counts is that it stays the same."""
    return name if len(name) <= _LONGEST_USER else hashlib.sha256(name.encode()).hexdigest()


def name_of_file(media: Media) -> str:
    """Return the name of a file that comes by value; OpenAI wants one, and goes by its ending."""
    return media.name or f"document.{media_types.ENDINGS.get(media.mime_type, 'bin')}"
