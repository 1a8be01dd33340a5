"""Lists of models as Gemini's and Anthropic's clients read them, a page at a time.

Source: https://ai.google.dev/api/models and https://docs.anthropic.com/en/api/models-list.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec

GEMINI_PAGE = 50
ANTHROPIC_PAGE = 20
LARGEST_PAGE = 1000
METHODS = ("generateContent", "countTokens", "embedContent", "batchEmbedContents")
"""What may be asked of a model; which of it a model can do, its provider knows."""
_UNKNOWN_VERSION = "001"


class Listed(msgspec.Struct, frozen=True):
    """A model in a list.

    Attributes:
        name: As clients use it.
        created: Since when, in seconds since 1970 UTC.
    """

    name: str
    created: int = 0


def gemini_page(models: Sequence[Listed], *, size: int = GEMINI_PAGE, token: str = "") -> bytes:
    """Return a page of ``/v1beta/models``.

    Args:
        models: All there are, in order of their names.
        size: How many a page holds at most.
        token: The last page's ``nextPageToken``; empty: the first page.
    """
    left = [model for model in models if model.name > token] if token else models
    size = max(1, min(size, LARGEST_PAGE))
    page: dict[str, object] = {"models": [_gemini(model.name) for model in left[:size]]}
    if len(left) > size:
        page["nextPageToken"] = left[size - 1].name
    return msgspec.json.encode(page)


def gemini_model(name: str) -> bytes:
    """Return what ``/v1beta/models/NAME`` answers."""
    return msgspec.json.encode(_gemini(name))


def _gemini(name: str) -> dict[str, object]:
    return {
        "name": f"models/{name}",
        "version": _UNKNOWN_VERSION,
        "displayName": name,
        "supportedGenerationMethods": METHODS,
    }


def anthropic_page(
    models: Sequence[Listed], *, size: int = ANTHROPIC_PAGE, after: str = "", before: str = ""
) -> bytes:
    """Return a page of Anthropic's ``/v1/models``.

    Args:
        models: All there are, in order of their names.
        size: How many a page holds at most (``limit``).
        after: Only those behind this name (``after_id``).
        before: Only those before this name (``before_id``), the nearest of them.
    """
    left = [model for model in models if model.name > after and (not before or model.name < before)]
    size = max(1, min(size, LARGEST_PAGE))
    page = left[-size:] if before and not after else left[:size]
    return msgspec.json.encode(
        {
            "data": [_anthropic(model) for model in page],
            "has_more": len(left) > size,
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def anthropic_model(model: Listed) -> bytes:
    """Return what Anthropic's ``/v1/models/NAME`` answers."""
    return msgspec.json.encode(_anthropic(model))


def _anthropic(model: Listed) -> dict[str, object]:
    since = dt.datetime.fromtimestamp(model.created, dt.UTC)
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
