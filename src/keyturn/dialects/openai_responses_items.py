"""What a request of OpenAI's responses dialect is made of, typed; and the same as shapes, to find what is not known.

The typed form is strict, so that one decoding pass proves that nothing was written that has no place here. Where it fails,
the shapes say what is in the way. Members without meaning for the answer are known and read by nobody: ``id`` and
``status`` of an item (its place among the stored ones), ``phase`` (OpenAI's own label on what its newest models have said),
``logprobs`` of what was said before.
Source: ``InputItem``, ``FunctionTool``, ``ToolChoiceParam``, ``ResponseTextParam``, ``Reasoning`` of the OpenAI API description.
"""

from operator import attrgetter
from typing import Annotated, Literal

import msgspec

from keyturn.dialects.strict_json import Members, Several, Shape, Typed, is_read_by

NULL = msgspec.Raw(b"null")


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="type"):
    pass


class InputText(_Strict, tag="input_text"):
    """Words of whoever asks."""

    text: str


class InputImage(_Strict, tag="input_image"):
    """An image by address, ``data:`` among them, or by the id of a stored file."""

    image_url: str | None = None
    file_id: str | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None


class InputFile(_Strict, tag="input_file"):
    """A document: ``file_data`` is a ``data:`` address or base64 alone."""

    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class OutputText(_Strict, tag="output_text"):
    """Words of the model."""

    text: str
    annotations: list[msgspec.Raw] | None = None
    logprobs: list[msgspec.Raw] | None = None


class OutputRefusal(_Strict, tag="refusal"):
    """The model says why it will not."""

    refusal: str


class Summary(_Strict, tag="summary_text"):
    """A part of a summary of thoughts."""

    text: str


class Thought(_Strict, tag="reasoning_text"):
    """A part of the thoughts themselves."""

    text: str


Part = InputText | InputImage | InputFile | OutputText | OutputRefusal | Summary | Thought


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Any item of ``input``: a message may leave ``type`` out, so that types can't tell them apart while decoding."""

    type: Annotated[str, msgspec.Meta(min_length=1)] = "message"
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Part | None] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Part | None] | None = None
    summary: list[Summary | None] | None = None
    encrypted_content: str | None = None
    result: str | None = None


class Function(_Strict, tag="function"):
    """A tool."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = NULL
    strict: bool | None = None


class NamedChoice(_Strict, tag="function"):
    """This function, or one that may be called."""

    name: str


class AllowedChoice(_Strict, tag="allowed_tools"):
    """Any of these, or one of them."""

    mode: Literal["auto", "required"]
    tools: list[NamedChoice | None]


class TextFormat(_Strict, tag="text"):
    """Words."""


class JsonFormat(_Strict, tag="json_object"):
    """Any JSON object."""


class SchemaFormat(_Strict, tag="json_schema"):
    """JSON of this form."""

    name: str
    schema: msgspec.Raw
    description: str | None = None
    strict: bool | None = None


class TextConfig(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """How the answer is written."""

    format: TextFormat | JsonFormat | SchemaFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Thinking(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """How the model thinks, and whether a summary of it is shown."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class Request(msgspec.Struct, gc=False):
    """The members that have a place in ``Chat``; whoever decodes looks at the others by name."""

    model: str = ""
    input: str | list[Item | None] | None = None
    instructions: str | None = None
    tools: list[Function | None] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | AllowedChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Thinking | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    stream: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None


# ── the same as shapes ──────────────────────────────────────────────────────


def _known(kind: type[msgspec.Struct], *more: str) -> dict[str, Shape | None]:
    return dict.fromkeys(("type", *kind.__struct_encode_fields__, *more))


_MODEL_PARTS = {"output_text": Members(_known(OutputText)), "refusal": Members(_known(OutputRefusal))}
_CLIENT_PARTS = {
    "input_text": Members(_known(InputText)),
    "input_image": Members(_known(InputImage)),
    "input_file": Members(_known(InputFile)),
}
_CALLER: dict[str, tuple[object, ...]] = {"caller": ({"type": "direct"},), "async": (False,)}
_SHARED: dict[str, Shape | None] = dict.fromkeys(("type", "id", "status"))
_KINDS = {
    "message": Members(
        _SHARED | {"phase": None, "role": None, "content": Several(Typed({**_CLIENT_PARTS, **_MODEL_PARTS}))},
    ),
    "function_call": Members(_SHARED | dict.fromkeys(("call_id", "name", "arguments")), _CALLER),
    "function_call_output": Members(
        _SHARED | {"call_id": None, "name": None, "output": Several(Typed(_CLIENT_PARTS))}, _CALLER
    ),
    "reasoning": Members(
        _SHARED
        | {
            "summary": Several(Typed({"summary_text": Members(_known(Summary))}, "summary_text")),
            "content": Several(Typed({"reasoning_text": Members(_known(Thought))})),
            "encrypted_content": None,
        }
    ),
    "image_generation_call": Members(_SHARED | {"result": None}),
}
_FUNCTION = Members(
    _known(Function), {"defer_loading": (False,), "allowed_callers": (["direct"],), "async": (False,)}
)
_CHOICES = {
    "function": Members(_known(NamedChoice)),
    "allowed_tools": Members(
        {
            "type": None,
            "mode": None,
            "tools": Several(Typed({"function": Members(_known(NamedChoice))}, "function")),
        }
    ),
}
_FORMATS = {
    "text": Members(_known(TextFormat)),
    "json_object": Members(_known(JsonFormat)),
    "json_schema": Members(_known(SchemaFormat)),
}
_item = msgspec.json.Decoder(Item)


def _is_item(raw: bytes) -> bool:
    try:
        return fits(_item.decode(raw))
    except msgspec.ValidationError:
        return False


SHAPES: dict[str, Shape] = {
    "input": Several(Typed(_KINDS, "message"), fits=_is_item),
    "tools": Several(Typed({"function": _FUNCTION}, "function"), fits=is_read_by(Function)),
    "tool_choice": Typed(_CHOICES),
    "text": Members({"format": Typed(_FORMATS), "verbosity": None}),
    "reasoning": Members(
        dict.fromkeys(("effort", "summary", "generate_summary")),
        {"context": ("auto",), "mode": ("standard",)},
    ),
}
"""Of the request's members that are more than one value."""
REQUEST = Members(dict.fromkeys(Request.__struct_fields__) | SHAPES, harmless=None)

_FIELDS = Item.__struct_fields__
_FOREIGN = {
    kind: attrgetter(*(name for name in _FIELDS if name not in members.known))
    for kind, members in _KINDS.items()
}


def has_place(item: Item) -> bool:
    """Whether the item is of a known type and has no member of another type's."""
    foreign = _FOREIGN.get(item.type)
    if foreign is None:
        return False
    values = foreign(item)
    return bool(values.count(None) == len(values))


def fits(item: Item | None) -> bool:
    """Whether nothing of the item has to be cut out."""
    if item is None or not has_place(item):
        return False
    inner = item.content if item.output is None else item.output
    if item.summary is not None and None in item.summary:
        return False
    return not isinstance(inner, list) or None not in inner
