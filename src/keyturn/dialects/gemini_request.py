"""Requests of Gemini's dialect, read."""

from collections.abc import Iterable

import msgspec

from keyturn.dialects import gemini_shapes as wire, json_scan
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Message,
    Read,
    Role,
    Text,
    Tool,
)
from keyturn.dialects.gemini_parts import PartReader, RefusedPart, joined, text_of
from keyturn.dialects.gemini_schema import json_schema
from keyturn.dialects.strict_json import ERRORS, Reader, refusal, shape_of
from keyturn.domain.refusals import Refused

_ROLES = {"": Role.USER, "user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}
"""Older clients give a function's response a role of its own."""
_CHOICES = {
    "": None,
    "MODE_UNSPECIFIED": None,
    "AUTO": Choice.AUTO,
    "NONE": Choice.NONE,
    "ANY": Choice.REQUIRED,
    "VALIDATED": Choice.AUTO,
}
_LEVELS = {"": None, "THINKING_LEVEL_UNSPECIFIED": None} | {
    effort.value.upper(): effort for effort in Effort if effort is not Effort.NONE
}
_DYNAMIC = -1
"""A thinking budget that is the model's own choice, as it is without one."""
_WHY = {
    "safetySettings": "Gemini's filters are not known elsewhere",
    "cachedContent": "what Google has stored is not known elsewhere",
    "labels": "only Google bills by labels",
    "serviceTier": "tiers of service are each provider's own",
    "store": "what is stored is each provider's own",
    "googleSearch": "only Gemini runs this tool",
    "googleSearchRetrieval": "only Gemini runs this tool",
    "codeExecution": "only Gemini runs this tool",
    "urlContext": "only Gemini runs this tool",
    "executableCode": "only Gemini runs this tool",
    "codeExecutionResult": "only Gemini runs this tool",
}
"""By the last name of the path."""
_UNKNOWN = "no other dialect knows it"

_reader = Reader(wire.Request, shape_of(wire.Request, proto=True), lax=True)


def read_request(body: bytes, *, model: str = "", stream: bool = False) -> Read | Refused:
    """Read a request of ``generateContent`` or ``streamGenerateContent``; the path names both ``model`` and ``stream``."""
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    return read_object(body, model=model, stream=stream)


def read_object(body: bytes, *, model: str, stream: bool = False, prefix: str = "") -> Read | Refused:
    """Read a request that stands somewhere in a body, which is an object for certain.

    Args:
        body: The request.
        model: As the path names it.
        stream: As the path says it.
        prefix: The path of the request, with the dot behind it.
    """
    path = prefix.removesuffix(".")
    try:
        request, unknown = _reader.read(body, path)
        return _read(request, model, [_unknown(one.path) for one in unknown], prefix, stream=stream)
    except RefusedPart as error:
        return error.refused
    except ERRORS as error:
        return refusal(error, path)


def _unknown(path: str) -> Loss:
    name = path.rpartition(".")[2]
    words = name.split("_")
    return Loss(path, _WHY.get(words[0] + "".join(word.title() for word in words[1:]), _UNKNOWN))


def _read(request: wire.Request, model: str, losses: list[Loss], prefix: str, *, stream: bool) -> Read:
    named = request.model.removeprefix("models/")
    if named and model and named != model:
        raise RefusedPart(f"'model' must be 'models/{model}', as in the path, or left out", f"{prefix}model")
    reader = PartReader()
    reader.losses = losses
    instructions = _instructions(request.system_instruction, reader, f"{prefix}systemInstruction")
    messages = _messages(request.contents, reader, f"{prefix}contents")
    tools = tuple(_tools(request.tools, f"{prefix}tools"))
    said = _choice(request.tool_config, losses, f"{prefix}toolConfig.functionCallingConfig")
    said |= _settings(request.generation_config, losses, f"{prefix}generationConfig")
    chat = Chat(
        model=model or named,
        instructions=instructions,
        messages=messages,
        tools=tools,
        stream=stream,
        **said,  # type: ignore[arg-type]  # each by its name
    )
    return Read(chat, tuple(losses))


def _instructions(content: wire.Content | None, reader: PartReader, path: str) -> tuple[Text, ...]:
    if content is None:
        return ()
    kept = []
    for part in reader.read(content, Role.SYSTEM, path, 0):
        if isinstance(part, Text):
            kept.append(part)
        else:
            reader.losses.append(Loss(part.path, "instructions are words only"))
    return tuple(kept)


def _messages(contents: list[wire.Content], reader: PartReader, path: str) -> tuple[Message, ...]:
    if not contents:
        raise RefusedPart("You must provide contents", path)
    messages: list[Message] = []
    for index, content in enumerate(contents):
        where = f"{path}[{index}]"
        role = _ROLES.get(content.role)
        if role is None:
            raise RefusedPart("A role is 'user' or 'model'", f"{where}.role")
        if not content.parts:
            raise RefusedPart("A content needs parts", f"{where}.parts")
        parts = reader.read(content, role, where, index)
        if messages and messages[-1].role is role is Role.ASSISTANT:
            last = messages.pop()
            parts, where = joined(last.parts, parts, thought=content.parts[0].thought), last.path
        if parts:
            messages.append(Message(role, parts, where))
    return tuple(messages)


def _tools(tools: list[wire.Tool], path: str) -> Iterable[Tool]:
    for outer, tool in enumerate(tools):
        for index, declared in enumerate(tool.function_declarations):
            where = f"{path}[{outer}].functionDeclarations[{index}]"
            if not declared.name:
                raise RefusedPart("A function needs a name", f"{where}.name")
            schema = _schema(declared.parameters_json_schema, declared.parameters, where + ".parameters")
            yield Tool(declared.name, declared.description, schema, path=where)


def _schema(standard: msgspec.Raw, openapi: msgspec.Raw, path: str) -> str:
    """Return the schema that is given in one of two ways; ``path`` is that of the OpenAPI one."""
    text, other = text_of(standard), text_of(openapi)
    if text and other:
        raise RefusedPart("Give one schema, as OpenAPI or as JSON Schema", path)
    if text and not text.startswith("{"):
        raise RefusedPart("A schema must be an object", path.removesuffix("Schema") + "JsonSchema")
    if not other:
        return text
    if not other.startswith("{"):
        raise RefusedPart("A schema must be an object", path)
    return json_schema(other.encode())


def _choice(config: wire.ToolConfig | None, losses: list[Loss], path: str) -> dict[str, object]:
    calling = config.function_calling_config if config is not None else None
    if calling is None:
        return {}
    mode, names = calling.mode.upper(), calling.allowed_function_names
    if mode not in _CHOICES:
        raise RefusedPart("A mode is AUTO, ANY, NONE or VALIDATED", f"{path}.mode")
    if mode == "VALIDATED":
        losses.append(Loss(f"{path}.mode", "elsewhere a tool says for itself how strictly it is called"))
    if mode == "ANY" and len(names) == 1:
        return {"tool_choice": Choice.NAMED, "tool_name": names[0]}
    if names:
        losses.append(Loss(f"{path}.allowedFunctionNames", "elsewhere one tool can be named, or none"))
    return {"tool_choice": _CHOICES[mode]}


def _settings(config: wire.GenerationConfig | None, losses: list[Loss], path: str) -> dict[str, object]:
    if config is None:
        return {}
    if config.candidate_count is not None and config.candidate_count != 1:
        losses.append(Loss(f"{path}.candidateCount", "translated requests get one answer"))
    if [one for one in config.response_modalities if one.upper() not in {"TEXT", "MODALITY_UNSPECIFIED"}]:
        losses.append(Loss(f"{path}.responseModalities", "translated answers are text"))
    if config.response_logprobs:
        losses.append(Loss(f"{path}.responseLogprobs", "translated answers carry no probabilities"))
    if config.logprobs:
        losses.append(Loss(f"{path}.logprobs", "translated answers carry no probabilities"))
    return {
        "max_output_tokens": config.max_output_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": config.top_k,
        "frequency_penalty": config.frequency_penalty,
        "presence_penalty": config.presence_penalty,
        "seed": config.seed,
        "stop": tuple(config.stop_sequences),
        **_format(config, losses, path),
        **_thinking(config.thinking_config, losses, f"{path}.thinkingConfig"),
    }


def _format(config: wire.GenerationConfig, losses: list[Loss], path: str) -> dict[str, object]:
    schema = _schema(config.response_json_schema, config.response_schema, f"{path}.responseSchema")
    kind = config.response_mime_type
    if kind not in {"", "text/plain", "application/json"}:
        losses.append(Loss(f"{path}.responseMimeType", "translated answers are text or JSON"))
        return {}
    if schema:
        return {"format": Format.SCHEMA, "schema": schema}
    return {"format": Format.JSON if kind == "application/json" else Format.TEXT}


def _thinking(config: wire.ThinkingConfig | None, losses: list[Loss], path: str) -> dict[str, object]:
    if config is None:
        return {}
    level = config.thinking_level.upper()
    effort = _LEVELS.get(level)
    if level not in _LEVELS:
        losses.append(Loss(f"{path}.thinkingLevel", _UNKNOWN))
    budget = config.thinking_budget
    if budget is not None and budget < _DYNAMIC:
        raise RefusedPart("A thinking budget is 0 or more, or -1", f"{path}.thinkingBudget")
    return {
        "effort": effort,
        "reasoning_tokens": None if budget == _DYNAMIC else budget,
        "show_reasoning": config.include_thoughts,
    }
