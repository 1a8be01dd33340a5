"""What people write on things so that they find them again: names, descriptions, metadata."""

import re

import msgspec

from keyturn.domain import ids
from keyturn.domain.refusals import Reason, Refused

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2_000
METADATA_PAIRS, METADATA_NAME_LENGTH, METADATA_VALUE_LENGTH = 50, 64, 500

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""What Persian, Indic scripts and emoji of several parts are written with."""
# Between two signs beyond Latin only: in its text they would make two names of one that is read.
_JOINED = re.compile(rf"(?<=[^\x00-\u024f{_JOINERS}])[{_JOINERS}](?=[^\x00-\u024f{_JOINERS}])")

_metadata = msgspec.json.Encoder(order="deterministic")


def problem_with_name(name: str | msgspec.UnsetType) -> Refused | None:
    """Refuse a name that is empty, too long, or would move a cursor; one that is not given is fine."""
    if isinstance(name, msgspec.UnsetType):
        return None
    if not 1 <= len(name.strip()) <= len(name) <= NAME_LENGTH:
        return Refused(Reason.INVALID_MEMBER, f"A name is 1 to {NAME_LENGTH} printable characters", "name")
    if not _JOINED.sub("", name).isprintable():
        message = "A name is one line, without characters that can't be seen"
        return Refused(Reason.INVALID_MEMBER, message, "name")
    if ids.resembles_one(name):
        return Refused(Reason.INVALID_MEMBER, "A name can't look like an identifier", "name")
    return None


def problem_with_description(description: str | msgspec.UnsetType) -> Refused | None:
    """Refuse a description that is too long; one that is not given is fine."""
    if isinstance(description, msgspec.UnsetType) or len(description) <= DESCRIPTION_LENGTH:
        return None
    message = f"A description has at most {DESCRIPTION_LENGTH} characters"
    return Refused(Reason.INVALID_MEMBER, message, "description")


def problem_with_metadata(metadata: dict[str, str] | msgspec.UnsetType) -> Refused | None:
    """Refuse metadata that is too much; none given is fine."""
    if isinstance(metadata, msgspec.UnsetType):
        return None
    if len(metadata) > METADATA_PAIRS:
        return Refused(Reason.INVALID_MEMBER, f"Metadata has at most {METADATA_PAIRS} pairs", "metadata")
    for name, value in metadata.items():
        if not 1 <= len(name) <= METADATA_NAME_LENGTH or not name.isprintable():
            message = f"A name in metadata is 1 to {METADATA_NAME_LENGTH} printable characters"
            return Refused(Reason.INVALID_MEMBER, message, "metadata")
        if len(value) > METADATA_VALUE_LENGTH:
            message = f"A value in metadata has at most {METADATA_VALUE_LENGTH} characters"
            return Refused(Reason.INVALID_MEMBER, message, f"metadata.{name}")
    return None


def write_metadata(metadata: dict[str, str]) -> str:
    """Return metadata as the JSON it is kept as, names sorted."""
    return _metadata.encode(metadata).decode()


def read_metadata(text: str) -> dict[str, str]:
    """Return metadata from the JSON it is kept as."""
    return msgspec.json.decode(text, type=dict[str, str])
