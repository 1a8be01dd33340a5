"""Chat completion requests, written: what a provider that speaks OpenAI's dialect is asked.

The dialect has no place for media in the result of a tool: they follow it in a user's message, which is how its clients
do it. The signature of thoughts proves them to the provider that made them and means nothing to another one.
"""

from collections.abc import Iterable, Sequence

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Written,
)
from keyturn.dialects.effort import common_effort_for
from keyturn.dialects.openai_chat_parts import call_of, data_url, details_of, name_of_file, sound_format

_encoder = msgspec.json.Encoder()

SCHEMA_NAME = "answer"
"""Of a schema that has none; OpenAI wants one."""


def write_request(
    chat: Chat, *, legacy_cap: bool = False, thoughts: str = "", signatures: bool = False, top_k: bool = False
) -> Written:
    """Write a request.

    Args:
        chat: What is asked.
        legacy_cap: The host knows ``max_tokens`` only.
        thoughts: The member in which the host gives thoughts away and takes them back: ``reasoning_content``,
            ``reasoning``, or ``reasoning_details`` (with their proof); empty: it does neither.
        signatures: The host takes back what it has signed its calls with (Gemini's compatible endpoint).
        top_k: The host knows ``top_k``.
    """
    writing = _Writing(thoughts, signatures=signatures)
    messages = writing.messages(chat)
    effort = writing.effort(chat)
    if chat.top_k is not None and not top_k:
        writing.lose("top_k", "this dialect has no top_k")
    if chat.show_reasoning and not thoughts:
        writing.lose("show_reasoning", "this dialect doesn't show what a model thinks", minor=True)
    request = shapes.Request(
        model=chat.model,
        messages=messages,
        max_tokens=chat.max_output_tokens if legacy_cap else None,
        max_completion_tokens=None if legacy_cap else chat.max_output_tokens,
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=chat.top_k if top_k else None,
        frequency_penalty=chat.frequency_penalty,
        presence_penalty=chat.presence_penalty,
        seed=chat.seed,
        stop=list(chat.stop) if chat.stop else None,
        stream=True if chat.stream else None,
        stream_options=shapes.StreamOptions(include_usage=True) if chat.stream else None,
        tools=[_tool(tool) for tool in chat.tools] if chat.tools else None,
        tool_choice=_choice(chat),
        # Without tools OpenAI refuses it, and there is nothing that it could change.
        parallel_tool_calls=chat.parallel_tool_calls if chat.tools else None,
        response_format=_format(chat),
        reasoning_effort=effort.value if effort is not None else None,
        user=chat.user or None,
    )
    return Written(_encoder.encode(request), tuple(writing.losses))


class _Writing:
    """One request on its way."""

    __slots__ = ("_signatures", "_thoughts", "losses")

    def __init__(self, thoughts: str, *, signatures: bool) -> None:
        self.losses: list[Loss] = []
        self._thoughts = thoughts
        self._signatures = signatures

    def lose(self, path: str, why: str, *, minor: bool = False) -> None:
        self.losses.append(Loss(path, why, minor))

    def effort(self, chat: Chat) -> Effort | None:
        if chat.effort is not None or chat.reasoning_tokens is None:
            return chat.effort
        if chat.reasoning_tokens == 0:
            return Effort.NONE
        self.lose(
            "reasoning_tokens", "this dialect doesn't count thoughts; it knows an effort only", minor=True
        )
        return common_effort_for(chat.reasoning_tokens)

    def messages(self, chat: Chat) -> list[shapes.Message]:
        written: list[shapes.Message] = []
        if chat.instructions:
            written.append(shapes.Message(role="system", content=_content(chat.instructions)))
        for message in chat.messages:
            if message.role is Role.ASSISTANT:
                written.append(self._assistant(message))
            else:
                written += self._given(message)
        return written

    def _assistant(self, message: Message) -> shapes.Message:
        texts: list[Text] = []
        refusals: list[str] = []
        thoughts: list[Reasoning] = []
        calls: list[shapes.Call] = []
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part)
            elif isinstance(part, ToolCall):
                calls.append(call_of(part, signature=part.signature if self._signatures else ""))
            elif isinstance(part, Reasoning):
                thoughts.append(part)
            elif isinstance(part, Refusal):
                refusals.append(part.text)
            else:
                self._misplaced(part, message)
        written = shapes.Message(
            role="assistant",
            content=_content(texts) if texts else None,
            refusal="".join(refusals) or None,
            tool_calls=calls or None,
        )
        if thoughts:
            self._think(written, thoughts)
        return written

    def _think(self, written: shapes.Message, thoughts: Sequence[Reasoning]) -> None:
        if self._thoughts == "reasoning_details":
            written.reasoning_details = details_of(thoughts)
            if written.reasoning_details is None:
                written.reasoning = "".join(thought.text for thought in thoughts)
            return
        if not self._thoughts:
            for thought in thoughts:
                self.lose(thought.path, "this dialect doesn't take thoughts back", minor=True)
            return
        for thought in thoughts:
            if not thought.text:
                self.lose(
                    thought.path, "only the provider that has sealed these thoughts can read them", minor=True
                )
        setattr(written, self._thoughts, "".join(thought.text for thought in thoughts) or None)

    def _given(self, message: Message) -> Iterable[shapes.Message]:
        """Write what a user or the system says: results of tools first, they answer what stands before."""
        parts: list[shapes.Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                if part.failed:
                    self.lose(part.path, "this dialect doesn't say that a tool has failed", minor=True)
                texts = [inner for inner in part.parts if isinstance(inner, Text)]
                parts += self._media([inner for inner in part.parts if isinstance(inner, Media)])
                yield shapes.Message(role="tool", tool_call_id=part.call_id, content=_content(texts))
            elif isinstance(part, Text):
                parts.append(shapes.Part(type="text", text=part.text))
            elif isinstance(part, Media):
                parts += self._media([part])
            else:
                self._misplaced(part, message)
        if len(parts) == 1 and parts[0].text is not None:
            yield shapes.Message(role=message.role.value, content=parts[0].text)
        elif parts:
            yield shapes.Message(role=message.role.value, content=parts)

    def _media(self, media: Iterable[Media]) -> Iterable[shapes.Part]:
        for one in media:
            kind = one.mime_type.partition("/")[0] or "image"
            sound = sound_format(one.mime_type)
            if kind == "image" and (one.data or one.url.startswith(("https://", "http://"))):
                image = shapes.ImageUrl(url=data_url(one), detail=one.detail or None)
                yield shapes.Part(type="image_url", image_url=image)
            elif not one.data:
                self.lose(one.path, "this dialect takes the addresses of images only")
            elif sound:
                yield shapes.Part(
                    type="input_audio", input_audio=shapes.InputAudio(data=one.data, format=sound)
                )
            elif kind in {"audio", "video"}:
                self.lose(one.path, f"this dialect doesn't take {one.mime_type}")
            else:
                file = shapes.File(file_data=data_url(one), filename=name_of_file(one))
                yield shapes.Part(type="file", file=file)

    def _misplaced(self, part: Part, message: Message) -> None:
        self.lose(
            part.path or message.path, f"this dialect has no such part in a message of the {message.role}"
        )


def _content(texts: Sequence[Text]) -> str | list[shapes.Part]:
    """Return texts as they are written: one as it is, which every host understands."""
    if len(texts) == 1:
        return texts[0].text
    return [shapes.Part(type="text", text=text.text) for text in texts] if texts else ""


def _tool(tool: Tool) -> shapes.Tool:
    schema = msgspec.Raw(tool.schema.encode()) if tool.schema else msgspec.UNSET
    return shapes.Tool(
        type="function",
        function=shapes.Definition(
            name=tool.name, description=tool.description or None, parameters=schema, strict=tool.strict
        ),
    )


def _choice(chat: Chat) -> str | shapes.ToolChoice | None:
    choice = chat.tool_choice
    if choice is Choice.NAMED:
        return shapes.ToolChoice(type="function", function=shapes.Named(name=chat.tool_name))
    if choice is None or (not chat.tools and choice is not Choice.REQUIRED):
        return None  # OpenAI refuses a choice among no tools, and none would be called
    return choice.value


def _format(chat: Chat) -> shapes.ResponseFormat | None:
    if chat.format is Format.TEXT:
        return None
    if chat.format is Format.JSON:
        return shapes.ResponseFormat(type="json_object")
    return shapes.ResponseFormat(
        type="json_schema",
        json_schema=shapes.JsonSchema(
            name=chat.schema_name or SCHEMA_NAME,
            description=chat.schema_description or None,
            schema=msgspec.Raw(chat.schema.encode()),
            strict=chat.schema_strict,
        ),
    )
