"""Which members of an Anthropic request are read, and which may be left out without a word."""

from keyturn.dialects.pruning import Fields, Items, Shape, Tagged, Whole

_ANY = Whole()
_FALSE, _EMPTY_LIST, _EMPTY = (b"false",), (b"[]",), (b"{}",)
_NO_CITATIONS = (b'{"enabled":false}', b'{"enabled": false}', b"{}", b"[]")


def _fields(*names: str, core: str = "", harmless: dict[str, tuple[bytes, ...]] | None = None) -> Fields:
    """Return an object whose members are read whole."""
    return Fields(dict.fromkeys(("type", *names), _ANY), harmless or {}, core)


_SOURCE = {
    "base64": _fields("media_type", "data"),
    "url": _fields("url"),
}
_TEXT = _fields("text", harmless={"citations": _EMPTY_LIST})
_SHOWN: dict[str, Fields] = {
    "text": _TEXT,
    "image": Fields(
        {"type": _ANY, "source": Tagged(_SOURCE)},
        # What happens anyway to an image that is too large.
        {"transformations": (*_EMPTY, b'{"oversized_image":"downsize"}', b'{"oversized_image": "downsize"}')},
        core="source",
    ),
    "document": Fields(
        {
            "type": _ANY,
            "title": _ANY,
            "source": Tagged(_SOURCE | {"text": _fields("media_type", "data")}),
        },
        {"citations": _NO_CITATIONS, "context": (b'""',)},
        core="source",
    ),
}
_DIRECT = (b'{"type":"direct"}', b'{"type": "direct"}')
_BLOCKS: dict[str, Fields] = _SHOWN | {
    # ``caller``: that the model has called the tool itself is what is meant anyway.
    "tool_use": _fields("id", "name", "input", harmless={"caller": _DIRECT}),
    "tool_result": Fields(
        {"type": _ANY, "tool_use_id": _ANY, "is_error": _ANY, "content": Items(Tagged(_SHOWN))}
    ),
    "thinking": _fields("thinking", "signature"),
    "redacted_thinking": _fields("data"),
}
_TOOL = _fields(
    "name",
    "description",
    "input_schema",
    "strict",
    harmless={
        "allowed_callers": (b'["direct"]', *_EMPTY_LIST),
        "defer_loading": _FALSE,
        # In how large pieces the arguments come, not what is in them.
        "eager_input_streaming": (b"true", b"false"),
        "input_examples": _EMPTY_LIST,
    },
)
_FORMAT = Tagged({"json_schema": _fields("schema")})
_CHOICE = Tagged(
    {
        "auto": _fields("disable_parallel_tool_use"),
        "any": _fields("disable_parallel_tool_use"),
        "tool": _fields("name", "disable_parallel_tool_use"),
        "none": _fields(harmless={"disable_parallel_tool_use": (b"true", b"false")}),
    }
)
_THINKING = Tagged(
    {
        "enabled": _fields("budget_tokens", "display"),
        "adaptive": _fields("display"),
        "disabled": _fields(),
    }
)
_WHOLE = ("model", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream")

_MEMBERS: dict[str, Shape] = {
    **dict.fromkeys(_WHOLE, _ANY),
    "system": Items(Tagged({"text": _TEXT})),
    "messages": Items(Fields({"role": _ANY, "content": Items(Tagged(_BLOCKS))})),
    "tools": Items(Tagged({"custom": _TOOL}, default="custom")),
    "tool_choice": _CHOICE,
    "thinking": _THINKING,
    "output_config": Fields({"effort": _ANY, "format": _FORMAT}),
    "output_format": _FORMAT,
    "metadata": Fields({"user_id": _ANY}),
}

REQUEST: Shape = Fields(
    _MEMBERS,
    {
        # What the provider does anyway.
        "service_tier": (b'"auto"',),
        "speed": (b'"standard"',),
        "mcp_servers": _EMPTY_LIST,
        "betas": _EMPTY_LIST,
        "context_management": (*_EMPTY, b'{"edits":[]}', b'{"edits": []}'),
        "diagnostics": _EMPTY,
    },
)
