"""Requests of Gemini's dialect, written for a provider."""

import msgspec

from keyturn.dialects import gemini_shapes as wire
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Format,
    Loss,
    Media,
    Part,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Written,
)
from keyturn.dialects.gemini_parts import arguments_of, medium_of, response_of
from keyturn.dialects.gemini_signature import NO_SIGNATURE, is_base64
from keyturn.dialects.gemini_thinking import bare, thinking_of

_MODES = {Choice.AUTO: "AUTO", Choice.NONE: "NONE", Choice.REQUIRED: "ANY", Choice.NAMED: "ANY"}
_OLDER = ("gemini-1", "gemini-2")
"""They give calls no ids, and may refuse them; later ones refuse a turn whose first call is not signed.
Source: https://ai.google.dev/gemini-api/docs/function-calling, https://ai.google.dev/gemini-api/docs/thought-signatures."""
_WITH_PENALTIES = ("gemini-1", "gemini-2.0")
"""Later ones answer 400: "Penalty is not enabled for this model"."""
_PENALTIES = ("frequency_penalty", "presence_penalty")
_LAST = 1 << 20

_encoder = msgspec.json.Encoder()


def write_request(chat: Chat) -> Written:
    """Write a request; the path names the model and says whether to stream.

    Passed over, because it changes no answer: ``user`` (the gateway knows whose request it is), a file's name, the name
    of the answer's schema and its strictness (Gemini's is always kept to).
    """
    losses: list[Loss] = []
    return Written(_encoder.encode(request_of(chat, losses)), tuple(losses))


def request_of(chat: Chat, losses: list[Loss]) -> wire.Request:
    """Return the request as it stands on the wire; what can't be said goes to ``losses``."""
    request = wire.Request(contents=_contents(chat, losses))
    model = bare(chat.model)
    if model.startswith(_OLDER):
        _forget_ids(request.contents)
    elif model.startswith("gemini-"):
        _vouch(request.contents)
    instructions = [wire.Part(text=text.text) for text in chat.instructions if text.text]
    if not request.contents:  # Google refuses a request without any
        request.contents = [wire.Content(instructions or [_blank()], "user")]
    elif instructions:
        request.system_instruction = wire.Content(instructions)
    if chat.tools:
        _tools(chat, request, losses)
    elif chat.tool_choice in {Choice.REQUIRED, Choice.NAMED}:
        losses.append(Loss("tool_choice", "there are no tools to call"))
    config = _config(chat, losses)
    if config != _NO_CONFIG:
        request.generation_config = config
    return request


_NO_CONFIG = wire.GenerationConfig()


def _blank() -> wire.Part:
    """Return the least that a turn may say: Google refuses a turn without parts, and a text without a character."""
    return wire.Part(text=" ")


def _tools(chat: Chat, request: wire.Request, losses: list[Loss]) -> None:
    request.tools = [wire.Tool([_declaration(tool) for tool in chat.tools])]
    request.tool_config = _tool_config(chat)
    if chat.parallel_tool_calls is False:
        # Where there is but one tool to call, nobody waits for several calls.
        minor = len(chat.tools) == 1 or chat.tool_choice is Choice.NAMED
        losses.append(Loss("parallel_tool_calls", "Gemini may always call several tools at once", minor))


def _contents(chat: Chat, losses: list[Loss]) -> list[wire.Content]:
    """Return the turns, neighbours of one role joined: all responses to parallel calls belong into one."""
    contents: list[wire.Content] = []
    for message in chat.messages:
        if message.role is Role.SYSTEM:
            losses.append(Loss(message.path, "Gemini knows no instructions in mid-conversation"))
            continue
        parts = [written for part in message.parts if (written := _part(part, losses)) is not None]
        role = "user" if message.role is Role.USER else "model"
        if contents and contents[-1].role == role:
            contents[-1].parts.extend(parts)
        elif parts:
            contents.append(wire.Content(parts, role))
    for content in contents:
        content.parts = [part for part in content.parts if not _says_nothing(part)] or [_blank()]
    return contents


def _says_nothing(part: wire.Part) -> bool:
    return part.text == "" and not part.thought_signature


def _vouch(contents: list[wire.Content]) -> None:
    """Sign the first call of each turn that comes without: another model's, or through a client that keeps none."""
    for content in contents:
        first = next((part for part in content.parts if part.function_call is not None), None)
        if first is not None and not first.thought_signature:
            first.thought_signature = NO_SIGNATURE


def _forget_ids(contents: list[wire.Content]) -> None:
    """Take the ids away, and put responses into the order of the calls, by which they are known then."""
    order: dict[str, int] = {}
    for content in contents:
        calls = [part.function_call for part in content.parts if part.function_call is not None]
        if calls:
            order = {call.id: place for place, call in enumerate(calls)}
        responses = [part for part in content.parts if part.function_response is not None]
        told = [part.function_response for part in responses if part.function_response is not None]
        told.sort(key=lambda one: order.get(one.id, _LAST))
        for part, response in zip(responses, told, strict=True):
            response.id = ""
            part.function_response = response
        for call in calls:
            call.id = ""


def _part(part: Part, losses: list[Loss]) -> wire.Part | None:
    if isinstance(part, Text):
        return wire.Part(text=part.text)
    if isinstance(part, ToolCall):
        return _call(part, losses)
    if isinstance(part, ToolResult):
        return wire.Part(function_response=response_of(part))
    if isinstance(part, Media):
        return medium_of(part)
    if isinstance(part, Reasoning):
        return _thought(part, losses)
    return wire.Part(text=part.text)  # a refusal is words to Gemini


def _call(part: ToolCall, losses: list[Loss]) -> wire.Part:
    arguments = arguments_of(part)
    if arguments is None:
        losses.append(Loss(part.path, "Gemini takes arguments that are a JSON object only"))
    call = wire.FunctionCall(part.id, part.name, arguments or msgspec.Raw(b"{}"))
    return wire.Part(function_call=call, thought_signature=_signature(part.signature, part.path, losses))


def _thought(part: Reasoning, losses: list[Loss]) -> wire.Part | None:
    if part.sealed:
        losses.append(
            Loss(part.path, "only the provider that sealed these thoughts can read them", minor=True)
        )
    signature = _signature(part.signature, part.path, losses)
    if not part.text:
        return wire.Part(text="", thought_signature=signature) if signature else None
    return wire.Part(text=part.text, thought=True, thought_signature=signature)


def _signature(signature: str, path: str, losses: list[Loss]) -> str:
    if not signature or is_base64(signature):
        return signature
    losses.append(Loss(path, "this signature is not Gemini's", minor=True))
    return ""


def _declaration(tool: Tool) -> wire.FunctionDeclaration:
    return wire.FunctionDeclaration(tool.name, tool.description, parameters_json_schema=_raw(tool.schema))


def _raw(schema: str) -> msgspec.Raw:
    return msgspec.Raw(schema.encode()) if schema else wire.NOTHING


def _tool_config(chat: Chat) -> wire.ToolConfig | None:
    choice = chat.tool_choice
    mode = "" if choice is None else _MODES[choice]
    if mode in {"", "AUTO"} and any(tool.strict for tool in chat.tools):
        mode = (
            "VALIDATED"  # as free as AUTO, but calls keep to the schema; in the other modes they do so anyway
        )
    if not mode:
        return None
    names = [chat.tool_name] if choice is Choice.NAMED else []
    return wire.ToolConfig(wire.FunctionCallingConfig(mode, names))


def _config(chat: Chat, losses: list[Loss]) -> wire.GenerationConfig:
    config = wire.GenerationConfig(
        stop_sequences=list(chat.stop),
        max_output_tokens=chat.max_output_tokens,
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=chat.top_k,
        seed=chat.seed,
        thinking_config=thinking_of(chat, losses),
    )
    model = bare(chat.model)
    if not model.startswith("gemini-") or model.startswith(_WITH_PENALTIES):
        # 0 asks for nothing.
        config.frequency_penalty = chat.frequency_penalty or None
        config.presence_penalty = chat.presence_penalty or None
    else:
        losses += [Loss(name, "this model takes no penalty") for name in _PENALTIES if getattr(chat, name)]
    if chat.format is not Format.TEXT:
        config.response_mime_type = "application/json"
        config.response_json_schema = _raw(chat.schema)
    if chat.schema_description:
        losses.append(
            Loss("schema_description", "Gemini takes a description inside the schema only", minor=True)
        )
    return config
