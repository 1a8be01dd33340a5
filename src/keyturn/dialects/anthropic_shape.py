"""Which members of an Anthropic request are read, and which may be left out without a word."""

from keyturn.dialects import anthropic_wire as wire
from keyturn.dialects.strict_json import Members, Several, Shape, Typed, is_read_by

_NO_CITATIONS: tuple[object, ...] = ({"enabled": False}, {}, [])


def _fields(*names: str, harmless: dict[str, tuple[object, ...]] | None = None) -> Members:
    """Return an object whose members are read whole."""
    return Members(dict.fromkeys(("type", *names)), harmless or {})


_SOURCE = {
    "base64": _fields("media_type", "data"),
    "url": _fields("url"),
}
_TEXT = _fields("text", harmless={"citations": ([],)})
_SHOWN: dict[str, Members] = {
    "text": _TEXT,
    "image": Members(
        {"type": None, "source": Typed(_SOURCE)},
        # What happens anyway to an image that is too large.
        {"transformations": ({}, {"oversized_image": "downsize"})},
        core="source",
    ),
    "document": Members(
        {
            "type": None,
            "title": None,
            "source": Typed(_SOURCE | {"text": _fields("media_type", "data")}),
        },
        {"citations": _NO_CITATIONS, "context": ("",)},
        core="source",
    ),
}
_BLOCKS: dict[str, Members] = _SHOWN | {
    # ``caller``: that the model has called the tool itself is what is meant anyway.
    "tool_use": _fields("id", "name", "input", harmless={"caller": ({"type": "direct"},)}),
    "tool_result": Members(
        {"type": None, "tool_use_id": None, "is_error": None, "content": Several(Typed(_SHOWN))}
    ),
    "thinking": _fields("thinking", "signature"),
    "redacted_thinking": _fields("data"),
}
_TUNING = frozenset(
    {
        "betas",
        "context_management",
        "diagnostics",
        "fallback_credit_token",
        "fallbacks",
        "service_tier",
        "speed",
        "user_profile_id",
    }
)
_DEFERRED = ".defer_loading"
_TOOL = _fields(
    "name",
    "description",
    "input_schema",
    "strict",
    harmless={
        "allowed_callers": (["direct"], []),
        "defer_loading": (False,),
        # In how large pieces the arguments come, not what is in them.
        "eager_input_streaming": (True, False),
        "input_examples": ([],),
    },
)
_FORMAT = Typed({"json_schema": _fields("schema")}, default="json_schema")
_CHOICE = Typed(
    {
        "auto": _fields("disable_parallel_tool_use"),
        "any": _fields("disable_parallel_tool_use"),
        "tool": _fields("name", "disable_parallel_tool_use"),
        "none": _fields(harmless={"disable_parallel_tool_use": (True, False)}),
    }
)
_THINKING = Typed(
    {
        "enabled": _fields("budget_tokens", "display"),
        "adaptive": _fields("display"),
        "disabled": _fields(),
    }
)


def is_tuning(path: str) -> bool:
    """Whether what stands there only tunes how the provider goes about it: what it forgets, how fast, on whose account."""
    return path in _TUNING or path.endswith(_DEFERRED)


_is_message = is_read_by(wire.WireMessage)


def _fits(message: bytes) -> bool:
    """Whether the message is read as it is, with no ``null`` in a list of blocks for certain."""
    return b"null" not in message and _is_message(message)


_WHOLE = ("model", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream")

_MEMBERS: dict[str, Shape | None] = {
    **dict.fromkeys(_WHOLE),
    "system": Several(Typed({"text": _TEXT}, default="text")),
    "messages": Several(Members({"role": None, "content": Several(Typed(_BLOCKS))}), fits=_fits),
    "tools": Several(Typed({"custom": _TOOL}, default="custom"), fits=is_read_by(wire.WireTool)),
    "tool_choice": _CHOICE,
    "thinking": _THINKING,
    "output_config": Members({"effort": None, "format": _FORMAT}),
    "output_format": _FORMAT,
    "metadata": Members({"user_id": None}),
}

REQUEST = Members(
    _MEMBERS,
    {
        # What the provider does anyway.
        "service_tier": ("auto",),
        "speed": ("standard",),
        "mcp_servers": ([],),
        "betas": ([],),
        "context_management": ({}, {"edits": []}),
        "diagnostics": ({},),
    },
)
