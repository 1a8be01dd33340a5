"""Media types (RFC 6838) by the ending of a name or an address, for media that come without one; and the other way round."""

_TYPES = {
    "csv": "text/csv",
    "gif": "image/gif",
    "heic": "image/heic",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
}
ENDINGS = {mime_type: ending for ending, mime_type in _TYPES.items()}
"""Without a dot."""
ANY = "application/octet-stream"
"""Of a file of which nothing is known."""


def type_of(name: str) -> str:
    """Return the type of what has this name, or stands at this address; empty: the ending doesn't tell."""
    before, _, ending = name.partition("?")[0].rpartition(".")
    return _TYPES.get(ending.lower(), "") if before else ""


def read_data_url(url: str) -> tuple[str, str]:
    """Return the type and the base64 of a ``data:`` URL (RFC 2397): two empty texts where it is none, or has none.

    The type may be left out.
    """
    if url[:5].lower() != "data:":
        return "", ""
    head, comma, data = url.partition(",")
    kind, *parameters = head[5:].split(";")
    if (
        not comma
        or (kind and "/" not in kind)
        or "base64" not in [parameter.strip().lower() for parameter in parameters]
    ):
        return "", ""
    return kind.strip().lower(), data
