"""A request of OpenAI's responses dialect, read.

What is stored at OpenAI (an earlier response, a conversation, a file, a prompt) is named by an id that nobody else knows:
it is a loss. ``store`` is one when it is asked for in so many words, because a response that was translated can't be fetched
later; left out, it is OpenAI's default and nobody's wish. So is ``metadata``, which is for finding what was stored.
Source: ``CreateResponse`` of the OpenAI API description.
"""

from collections.abc import Mapping

import msgspec

from keyturn.dialects.canonical import Chat, Choice, Format, Loss, Read, Text, Tool
from keyturn.dialects.effort import WORDS
from keyturn.dialects.json_scan import Members, members
from keyturn.dialects.openai_responses_conversation import STORED, Conversation, WrongMemberError
from keyturn.dialects.openai_responses_items import (
    NULL,
    REQUEST,
    AllowedChoice,
    Function,
    JsonFormat,
    NamedChoice,
    Request,
    SchemaFormat,
    fits,
)
from keyturn.dialects.strict_json import (
    ERRORS,
    MOST_UNKNOWN,
    Reader,
    Unknown,
    is_one_of,
    place_of,
    refusal,
)
from keyturn.domain.refusals import Reason, Refused

_names = msgspec.json.Decoder(list[str])
_CARRIED = frozenset(Request.__struct_fields__)
_NULL = b"null"

_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "store": (False,),
    "background": (False,),
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
    "metadata": ({},),
    "top_logprobs": (0,),
    "stream_options": ({}, {"include_obfuscation": False}),
    "prompt_cache_options": ({},),
    "context_management": ([],),
}
"""By member, the values that ask for nothing: mostly the defaults."""
_IGNORED = frozenset({"prompt_cache_key", "max_tool_calls"})
"""The first finds a warm cache and changes no answer; the second counts calls of OpenAI's own tools, which are losses."""
_NO_EXTRAS = frozenset(
    {
        "reasoning.encrypted_content",
        "message.input_image.image_url",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
"""Of ``include``: thoughts come sealed wherever there are any, and the others are about what can't be in the answer."""
_WHY = {
    "previous_response_id": STORED,
    "conversation": STORED,
    "prompt": STORED,
    "store": "can't be done: a translated response is not kept for later",
    "background": "can't be done: a translated response is not kept for later",
    "metadata": "can't be kept: a translated response is not stored",
    "truncation": "can't be said in another dialect",
    "service_tier": "can't be said in another dialect",
    "top_logprobs": "can't be said in another dialect",
}
_CHOICES = {"auto": Choice.AUTO, "none": Choice.NONE, "required": Choice.REQUIRED}


def read_request(body: bytes, *, model: str = "", stream: bool = False) -> Read | Refused:
    """Read a request.

    Args:
        body: JSON as the client sent it.
        model: Where the path names it; the body's comes first.
        stream: Where the path says so.
    """
    found = members(body)
    if isinstance(found, Refused):
        return found
    losses: list[Loss] = []
    try:
        chat = _chat(_decode(body, found, losses), losses)
    except WrongMemberError as error:
        return Refused(Reason.INVALID_MEMBER, f"'{error.path}' {error.why}", error.path)
    except ERRORS as error:
        return refusal(error)
    if not chat.model and not model:
        return Refused(Reason.INVALID_MEMBER, "You must provide a model parameter", "model")
    if not chat.model or stream:
        chat = msgspec.structs.replace(chat, model=chat.model or model, stream=chat.stream or stream)
    return Read(chat, tuple(losses))


def _lost(name: str, raw: bytes) -> list[Loss]:
    """Return what is lost with a member that has no place in ``Chat``."""
    if name == "include" and raw != _NULL:
        try:
            wanted = _names.decode(raw)
        except msgspec.ValidationError:
            return [Loss(name, "is no list of names")]
        return [
            Loss(f"include[{index}]", "can't be told in an answer from another dialect")
            for index, one in enumerate(wanted)
            if one not in _NO_EXTRAS
        ]
    if is_one_of(raw, _HARMLESS.get(name, ())):
        return []
    return [Loss(name, _WHY.get(name, "can't be said in another dialect"))]


def _decode(body: bytes, found: Members, losses: list[Loss]) -> Request:
    for name, value in found.items():
        if name not in _CARRIED and name not in _IGNORED and len(losses) < MOST_UNKNOWN:
            losses += _lost(name, bytes(value))
    del losses[MOST_UNKNOWN:]
    try:
        request, unknown = _reader.read(body)
    except msgspec.ValidationError as error:
        what, path = place_of(error)
        raise WrongMemberError(path, f"is not valid: {what}") from error
    losses += map(_loss, unknown)
    return request


def _loss(unknown: Unknown) -> Loss:
    if unknown.kind is None:
        return Loss(unknown.path, "is not known here")
    if not unknown.kind:
        return Loss(unknown.path, "is null")
    return Loss(unknown.path, f"of type '{unknown.kind}' can't be said in another dialect")


def _fits(request: Request) -> bool:
    """Whether nothing has to be left out: no item of an unknown type, no member of another type's, no ``null``."""
    if isinstance(request.input, list) and not all(map(fits, request.input)):
        return False
    choice = request.tool_choice
    if isinstance(choice, AllowedChoice) and None in choice.tools:
        return False
    return request.tools is None or None not in request.tools


_reader = Reader(Request, REQUEST, fits=_fits)


def _chat(request: Request, losses: list[Loss]) -> Chat:
    conversation = Conversation(losses)
    if request.instructions:
        conversation.instructions.append(Text(request.instructions, "instructions"))
    if not request.input:
        raise WrongMemberError("input", "must be a text or a list of items that is not empty")
    conversation.take(request.input)
    tools = _tools(request.tools or ())
    choice, named, allowed = _choice(request)
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    kind, schema = _format(request, losses)
    thinking = request.reasoning
    summary = None if thinking is None else thinking.summary or thinking.generate_summary
    if request.user and request.safety_identifier and request.user != request.safety_identifier:
        losses.append(Loss("user", "is another than safety_identifier, and only one can be told"))
    return Chat(
        model=request.model,
        instructions=tuple(conversation.instructions),
        messages=conversation.messages,
        tools=tools,
        tool_choice=choice,
        tool_name=named,
        parallel_tool_calls=request.parallel_tool_calls,
        format=kind,
        schema=_text(schema.schema, "text.format.schema") if schema else "",
        schema_name=schema.name if schema else "",
        schema_description=(schema.description or "") if schema else "",
        schema_strict=schema.strict if schema else None,
        max_output_tokens=request.max_output_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        effort=WORDS[thinking.effort] if thinking is not None and thinking.effort else None,
        # How long a summary is to be is a wish that no other dialect knows; that there is one, all do.
        show_reasoning=True if summary else None,
        stream=request.stream or False,
        user=request.safety_identifier or request.user or "",
    )


def _tools(functions: "list[Function | None] | tuple[()]") -> tuple[Tool, ...]:
    return tuple(
        Tool(
            one.name,
            one.description or "",
            "" if one.parameters == NULL else _text(one.parameters, f"tools[{index}].parameters"),
            one.strict,
            f"tools[{index}]",
        )
        for index, one in enumerate(functions)
        if one is not None
    )


def _text(raw: msgspec.Raw, path: str) -> str:
    """Return free JSON, an object, as text."""
    text = bytes(raw).decode()
    if not text.startswith("{"):
        raise WrongMemberError(path, "must be an object")
    return text


def _choice(request: Request) -> tuple[Choice | None, str, set[str] | None]:
    """Return how tools are chosen, the one that is named, and those that may be called where not all may."""
    wanted = request.tool_choice
    if wanted is None:
        return None, "", None
    if isinstance(wanted, str):
        return _CHOICES[wanted], "", None
    if isinstance(wanted, NamedChoice):
        return Choice.NAMED, wanted.name, None
    return _CHOICES[wanted.mode], "", {one.name for one in wanted.tools if one is not None}


def _format(request: Request, losses: list[Loss]) -> tuple[Format, SchemaFormat | None]:
    config = request.text
    if config is None:
        return Format.TEXT, None
    if config.verbosity not in {None, "medium"}:  # which is the default
        losses.append(Loss("text.verbosity", "can't be said in another dialect"))
    if isinstance(config.format, SchemaFormat):
        return Format.SCHEMA, config.format
    return Format.JSON if isinstance(config.format, JsonFormat) else Format.TEXT, None
