"""The messages of chat completion requests, written.

The dialect has no place for media in the result of a tool: they follow it in a user's message, which is how its clients
do it. Nothing may stand between calls and their results, so that results go before whatever else is said until the model
speaks again. The signature of thoughts proves them to the provider that made them and means nothing to another one; no
host that is spoken to in this dialect takes the signature of a call.
"""

import itertools
from collections.abc import Iterable, Sequence

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import (
    Chat,
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.openai_chat_parts import call_of, data_url, details_of, sound_format
from keyturn.dialects.openai_names import name_of_file


class TurnWriter:
    """Writes the messages of one request.

    Attributes:
        losses: What of them could not be said.
    """

    __slots__ = ("_thoughts", "losses")

    def __init__(self, thoughts: str) -> None:
        """Args: thoughts: The member in which the host takes thoughts back; empty: it takes none."""
        self.losses: list[Loss] = []
        self._thoughts = thoughts

    def _lose(self, path: str, why: str, *, minor: bool = False) -> None:
        self.losses.append(Loss(path, why, minor))

    def write(self, chat: Chat) -> list[shapes.Message]:
        """Return instructions and conversation."""
        written: list[shapes.Message] = []
        if chat.instructions:
            written.append(shapes.Message(role="system", content=_content(chat.instructions)))
        for of_model, turns in itertools.groupby(chat.messages, lambda one: one.role is Role.ASSISTANT):
            if of_model:
                written += filter(None, map(self._assistant, turns))
            else:
                written += self._given(turns)
        return written

    def _assistant(self, message: Message) -> shapes.Message | None:
        """Write what the model has made; ``None``: it was cut off before it said or called anything."""
        texts: list[Text] = []
        refusals: list[str] = []
        thoughts: list[Reasoning] = []
        calls: list[shapes.Call] = []
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part)
            elif isinstance(part, ToolCall):
                calls.append(call_of(part))
            elif isinstance(part, Reasoning):
                thoughts.append(part)
            elif isinstance(part, Refusal):
                refusals.append(part.text)
            else:
                self._misplaced(part, message)
        if not texts and not refusals and not calls:
            for thought in thoughts:
                self._lose(thought.path, "this dialect has no message of thoughts alone", minor=True)
            return None
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
                self._lose(thought.path, "this dialect doesn't take thoughts back", minor=True)
            return
        for thought in thoughts:
            if not thought.text:
                self._lose(
                    thought.path, "only the provider that has sealed these thoughts can read them", minor=True
                )
        setattr(written, self._thoughts, "".join(thought.text for thought in thoughts) or None)

    def _given(self, turns: Iterable[Message]) -> list[shapes.Message]:
        """Write what users and the system say between two turns of the model: all results of tools first."""
        results: list[shapes.Message] = []
        others: list[shapes.Message] = []
        for message in turns:
            parts: list[shapes.Part] = []
            for part in message.parts:
                if isinstance(part, ToolResult):
                    results.append(self._result(part))
                    parts += self._media([inner for inner in part.parts if isinstance(inner, Media)])
                elif isinstance(part, Text):
                    parts.append(shapes.Part(type="text", text=part.text))
                elif isinstance(part, Media):
                    parts += self._media([part])
                else:
                    self._misplaced(part, message)
            if len(parts) == 1 and parts[0].text is not None:
                others.append(shapes.Message(role=message.role.value, content=parts[0].text))
            elif parts:
                others.append(shapes.Message(role=message.role.value, content=parts))
        return results + others

    def _result(self, result: ToolResult) -> shapes.Message:
        if result.failed:
            self._lose(result.path, "this dialect doesn't say that a tool has failed", minor=True)
        texts = [inner for inner in result.parts if isinstance(inner, Text)]
        return shapes.Message(role="tool", tool_call_id=result.call_id, content=_content(texts))

    def _media(self, media: Iterable[Media]) -> Iterable[shapes.Part]:
        for one in media:
            kind = one.mime_type.partition("/")[0] or "image"
            sound = sound_format(one.mime_type)
            if kind == "image" and (one.data or one.url.startswith(("https://", "http://"))):
                image = shapes.ImageUrl(url=data_url(one), detail=one.detail or None)
                yield shapes.Part(type="image_url", image_url=image)
            elif not one.data:
                self._lose(one.path, "this dialect takes the addresses of images only")
            elif sound:
                yield shapes.Part(
                    type="input_audio", input_audio=shapes.InputAudio(data=one.data, format=sound)
                )
            elif kind in {"audio", "video"}:
                self._lose(one.path, f"this dialect doesn't take {one.mime_type}")
            else:
                file = shapes.File(file_data=data_url(one), filename=name_of_file(one))
                yield shapes.Part(type="file", file=file)

    def _misplaced(self, part: Part, message: Message) -> None:
        self._lose(
            part.path or message.path, f"this dialect has no such part in a message of the {message.role}"
        )


def _content(texts: Sequence[Text]) -> str | list[shapes.Part]:
    """Return texts as they are written: one as it is, which every host understands."""
    if len(texts) == 1:
        return texts[0].text
    return [shapes.Part(type="text", text=text.text) for text in texts] if texts else ""
