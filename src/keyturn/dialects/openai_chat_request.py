"""Chat completion requests, read: what a client of OpenAI's dialect asks.

``developer`` messages are system messages by another name, and providers treat both alike. Members that change nothing
are passed over: a hint about a cache (``prompt_cache_key``, a retention of ``in_memory``), padding of a stream
(``include_obfuscation``), and whatever says the default.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from keyturn.dialects import json_scan, openai_chat_shapes as shapes
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Read,
    Text,
    Tool,
)
from keyturn.dialects.effort import WORDS
from keyturn.dialects.openai_chat_messages import Findings, MessageReader
from keyturn.dialects.strict_json import ERRORS, Reader, refusal, shape_of, strict
from keyturn.domain.refusals import Reason, Refused

_STRICT: type[shapes.Request] = strict(shapes.Request)
_reader = Reader(_STRICT, shape_of(_STRICT))

_UNKNOWN = "it means nothing in any other dialect"
_HARMLESS: tuple[tuple[str, tuple[object, ...], str], ...] = (
    ("audio", (None,), "the answer comes in words"),
    ("function_call", (None,), "it is deprecated; say tool_choice"),
    ("functions", (None, []), "they are deprecated; say tools"),
    ("logit_bias", (None, {}), "no other dialect has it"),
    ("logprobs", (None, False), "no other dialect tells the probabilities of tokens as this one does"),
    ("metadata", (None, {}), "nothing is stored with the answer"),
    ("modalities", (None, [], ["text"]), "the answer comes in words"),
    ("moderation", (None,), "no other dialect has it"),
    ("n", (None, 1), "other dialects give one answer"),
    ("prediction", (None,), "no other dialect has it"),
    ("prompt_cache_options", (None, {}, {"mode": "implicit"}), "each provider has its own way to a cache"),
    ("prompt_cache_retention", (None, "in_memory"), "each provider has its own way to a cache"),
    ("service_tier", (None, "auto", "default"), "each provider has its own tiers"),
    ("store", (None, False), "the answer is not stored"),
    ("top_logprobs", (None, 0), "no other dialect tells the probabilities of tokens as this one does"),
    ("verbosity", (None, "medium"), "no other dialect has it"),
    ("web_search_options", (None,), "other dialects search the web with a tool"),
)
"""What no other dialect can say, but for the values that ask for nothing."""

_CHOICES = {choice.value: choice for choice in (Choice.AUTO, Choice.NONE, Choice.REQUIRED)}


def read_request(body: bytes, *, model: str = "", stream: bool = False) -> Read | Refused:
    """Read a request.

    Args:
        body: JSON.
        model: The model that the path names, if it does.
        stream: Whether the path asks for a stream.
    """
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    try:
        request, unknown = _reader.read(body)
    except ERRORS as error:
        return refusal(error)
    if not request.messages:
        return Refused(Reason.INVALID_MEMBER, "'messages' must not be empty", "messages")
    if not (request.model or model):
        return Refused(Reason.INVALID_MEMBER, "You must provide a model parameter", "model")
    reading = _Reading()
    chat = reading.chat(request, model, stream=stream)
    if reading.found.refused is not None:
        return reading.found.refused
    return Read(chat, (*reading.found.losses, *(Loss(one.path, _UNKNOWN) for one in unknown)))


class _Reading:
    """One request on its way."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found = Findings()

    def chat(self, request: shapes.Request, model: str, *, stream: bool) -> Chat:
        for name, harmless, why in _HARMLESS:
            if getattr(request, name) not in harmless:
                self.found.lose(name, why)
        messages = request.messages
        reader = MessageReader(self.found)
        begun = 0
        instructions: list[Text] = []
        while begun < len(messages) and messages[begun].role in {"system", "developer"}:
            instructions += reader.texts(messages[begun], f"messages[{begun}]")
            begun += 1
        turns = tuple(
            [reader.message(message, index) for index, message in enumerate(messages[begun:], begun)]
        )
        choice, tool_name = self._tool_choice(request.tool_choice)
        asked = self._format(request.response_format)
        schema = asked.json_schema if asked is not None else None
        options = request.stream_options
        return Chat(
            model=request.model or model,
            instructions=tuple(instructions),
            messages=turns,
            tools=tuple(self._tools(request.tools)) if request.tools else (),
            tool_choice=choice,
            tool_name=tool_name,
            parallel_tool_calls=request.parallel_tool_calls,
            format=_FORMATS[asked.type] if asked is not None else Format.TEXT,
            schema=_json(schema.schema) or "{}" if schema is not None else "",
            schema_name=schema.name if schema is not None else "",
            schema_description=(schema.description or "") if schema is not None else "",
            schema_strict=schema.strict if schema is not None else None,
            max_output_tokens=self._cap(request),
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            frequency_penalty=request.frequency_penalty,
            presence_penalty=request.presence_penalty,
            seed=request.seed,
            stop=_stop(request.stop),
            effort=self._effort(request.reasoning_effort),
            stream=bool(request.stream) or stream,
            # Without a stream the usage is told anyway.
            stream_usage=bool(options is not None and options.include_usage),
            user=self._user(request),
        )

    def _cap(self, request: shapes.Request) -> int | None:
        newer, older = request.max_completion_tokens, request.max_tokens
        if newer is None:
            return older
        if older not in {None, newer}:
            self.found.lose("max_tokens", "max_completion_tokens says something else")
        return newer

    def _user(self, request: shapes.Request) -> str:
        user, identifier = request.user or "", request.safety_identifier or ""
        if user and identifier not in {"", user}:
            self.found.lose("safety_identifier", "user says something else")
        return user or identifier

    def _effort(self, word: str | None) -> Effort | None:
        if word is None:
            return None
        effort = WORDS.get(word)
        if effort is None:
            self.found.refuse("reasoning_effort", f"'reasoning_effort' must be one of {', '.join(WORDS)}")
        return effort

    def _format(self, asked: shapes.ResponseFormat | None) -> shapes.ResponseFormat | None:
        if asked is None or asked.type not in _FORMATS:
            if asked is not None:
                self.found.lose("response_format", "the format is known to no other dialect")
            return None
        if asked.type == "json_schema" and asked.json_schema is None:
            self.found.refuse("response_format.json_schema", "'response_format.json_schema' is missing")
        if asked.type != "json_schema" and asked.json_schema is not None:
            self.found.lose("response_format.json_schema", "the format is no json_schema")
            return shapes.ResponseFormat(type=asked.type)
        return asked

    def _tool_choice(self, choice: str | shapes.ToolChoice | None) -> tuple[Choice | None, str]:
        if choice is None:
            return None, ""
        if isinstance(choice, str):
            if choice not in _CHOICES:
                self.found.refuse(
                    "tool_choice", "'tool_choice' must be one of auto, none, required, or name a function"
                )
            return _CHOICES.get(choice), ""
        if choice.type == "function":
            if choice.function is None:
                self.found.refuse("tool_choice.function", "'tool_choice.function' is missing")
                return None, ""
            return Choice.NAMED, choice.function.name
        self.found.lose("tool_choice", f"a choice of type {choice.type} is known to no other dialect")
        return None, ""

    def _tools(self, tools: Iterable[shapes.Tool]) -> Iterable[Tool]:
        for index, tool in enumerate(tools):
            path = f"tools[{index}]"
            defined = tool.function
            if tool.type not in {UNSET, "function"}:
                self.found.lose(path, f"tools of type {tool.type} are known to no other dialect")
            elif defined is None:
                self.found.refuse(f"{path}.function", f"'{path}.function' is missing")
            else:
                schema = _json(defined.parameters)
                if schema and not schema.startswith("{"):
                    place = f"{path}.function.parameters"
                    self.found.refuse(place, f"'{place}' must be an object")
                yield Tool(defined.name, defined.description or "", schema, defined.strict, path)


_FORMATS = {"text": Format.TEXT, "json_object": Format.JSON, "json_schema": Format.SCHEMA}


def _json(raw: msgspec.Raw | msgspec.UnsetType) -> str:
    """Return JSON as text; nothing for what isn't said, or is null."""
    if isinstance(raw, msgspec.UnsetType):
        return ""
    text = bytes(raw).decode()
    return "" if text == "null" else text


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)
