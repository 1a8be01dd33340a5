"""Versions of a thing, as HTTP has them: an entity tag on what was read, a precondition on what is changed."""


def entity_tag(version: int) -> str:
    """Return the value of ``ETag`` for a version: ``"7"``, a strong one."""
    return f'"{version}"'


def holds(if_match: str | None, version: int) -> bool:
    """Say whether a precondition holds for the version that there is.

    Args:
        if_match: The value of ``If-Match``: entity tags with commas between them, or ``*``; ``None``: none was sent.
        version: What is stored.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-if-match (weak tags never match).
    """
    if if_match is None:
        return True
    tags = {tag.strip() for tag in if_match.split(",")}
    return "*" in tags or entity_tag(version) in tags
