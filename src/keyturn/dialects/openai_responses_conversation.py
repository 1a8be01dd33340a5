"""The items of ``input`` as messages.

Items are finer than messages: what an assistant thinks, says and calls are three items of one turn. Neighbours that the
model has made become one message, and so do results of tools that stand side by side, because dialects without items
want them together. What stands before the conversation with the role of the system becomes instructions.
"""

from collections.abc import Callable, Sequence

import msgspec

from keyturn.dialects import media_types, openai_responses_signatures as signatures
from keyturn.dialects.canonical import (
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
from keyturn.dialects.openai_responses_items import (
    InputFile,
    InputImage,
    InputText,
    Item,
    OutputRefusal,
    OutputText,
    Part as ItemPart,
    Summary,
    Thought,
)

STORED = "names something that only OpenAI has stored"
WORDS_BETWEEN = "\n\n"
"""Between the parts of a summary, which are paragraphs with a heading each."""


class WrongMemberError(Exception):
    """A member has a value that makes no sense.

    Attributes:
        path: Where it stands.
        why: What it should be, for the end of a sentence that begins with the path.
    """

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why


class _Turn:
    """A message that may still grow."""

    __slots__ = ("parts", "path", "results", "role")

    def __init__(self, role: Role, path: str, *, results: bool = False) -> None:
        self.role = role
        self.path = path
        self.results = results
        self.parts: list[Part] = []


class Conversation:
    """Takes the items in order."""

    def __init__(self, losses: list[Loss]) -> None:
        """Args: losses: Grows by what has no place."""
        self.instructions: list[Text] = []
        self._losses = losses
        self._turns: list[_Turn] = []
        self._names: dict[str, str] = {}
        self._take: dict[str, Callable[[Item, str], None]] = {
            "message": self._message,
            "function_call": self._call,
            "function_call_output": self._result,
            "reasoning": self._reasoning,
            "image_generation_call": self._image,
        }

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of them so far."""
        return tuple(Message(turn.role, tuple(turn.parts), turn.path) for turn in self._turns)

    def take(self, items: str | Sequence[Item | None]) -> None:
        """Add what ``input`` says; an item that is ``None`` was left out.

        Raises:
            WrongMemberError: A member is missing or makes no sense.
        """
        if isinstance(items, str):
            self._turn(Role.USER, "input").parts.append(Text(items, "input"))
            return
        for index, item in enumerate(items):
            if item is not None:
                self._take[item.type](item, f"input[{index}]")

    def _turn(self, role: Role, path: str, *, results: bool = False) -> _Turn:
        turn = _Turn(role, path, results=results)
        self._turns.append(turn)
        return turn

    def _said(self, part: Part, path: str) -> None:
        """Add what the model has made."""
        last = self._turns[-1] if self._turns else None
        if last is None or last.role is not Role.ASSISTANT:
            last = self._turn(Role.ASSISTANT, path)
        last.parts.append(part)

    def _message(self, item: Item, path: str) -> None:
        if item.role is None:
            raise WrongMemberError(f"{path}.role", "must be given")
        parts = self._parts(item.content, f"{path}.content")
        if item.role == "assistant":
            for part in parts:
                self._said(part, path)
        elif item.role == "user":
            self._turn(Role.USER, path).parts += parts
        else:
            self._of_system(parts, path)

    def _of_system(self, parts: list[Text | Media | Refusal], path: str) -> None:
        words = [part for part in parts if isinstance(part, Text)]
        self._losses += (
            Loss(part.path, "can't stand among instructions: they are words")
            for part in parts
            if not isinstance(part, Text)
        )
        if self._turns:
            self._turn(Role.SYSTEM, path).parts += words
        else:
            self.instructions += words

    def _call(self, item: Item, path: str) -> None:
        call_id = _given(item.call_id, path, "call_id")
        name = _given(item.name, path, "name")
        self._names[call_id] = name
        self._said(ToolCall(call_id, name, item.arguments or "{}", path=path), path)

    def _result(self, item: Item, path: str) -> None:
        call_id = _given(item.call_id, path, "call_id")
        name = item.name or self._names.get(call_id, "")
        place = f"{path}.output"
        parts = tuple(part for part in self._parts(item.output, place) if not isinstance(part, Refusal))
        last = self._turns[-1] if self._turns else None
        if last is None or not last.results:
            last = self._turn(Role.USER, path, results=True)
        failed = item.status == "incomplete"
        last.parts.append(ToolResult(call_id, name, parts, failed, path))

    def _reasoning(self, item: Item, path: str) -> None:
        encrypted = item.encrypted_content or ""
        call = signatures.call_of(encrypted)
        if call is not None:
            self._sign(*call)
            return
        text = WORDS_BETWEEN.join(one.text for one in item.summary or () if one is not None)
        if not text and isinstance(item.content, list):
            text = WORDS_BETWEEN.join(one.text for one in item.content if isinstance(one, Thought))
        found = thoughts(text, encrypted, item.id or "", path)
        if not found:
            self._losses.append(Loss(path, STORED))
        for part in found:
            self._said(part, path)

    def _sign(self, call_id: str, signature: str) -> None:
        for turn in reversed(self._turns):
            for at, part in enumerate(turn.parts):
                if isinstance(part, ToolCall) and part.id == call_id:
                    turn.parts[at] = msgspec.structs.replace(part, signature=signature)
                    return

    def _image(self, item: Item, path: str) -> None:
        if item.result:
            self._said(Media("image/png", item.result, path=path), path)
        else:
            self._losses.append(Loss(path, STORED))

    def _parts(
        self, content: str | Sequence[ItemPart | None] | None, path: str
    ) -> list[Text | Media | Refusal]:
        if isinstance(content, str):
            return [Text(content, path)]
        if content is None:
            raise WrongMemberError(path, "must be given")
        found: list[Text | Media | Refusal] = []
        for index, part in enumerate(content):
            if part is not None:
                one = self._part(part, f"{path}[{index}]")
                if one is not None:
                    found.append(one)
        return found

    def _part(self, part: ItemPart, path: str) -> Text | Media | Refusal | None:
        if isinstance(part, InputText):
            return Text(part.text, path)
        if isinstance(part, OutputText):
            if part.annotations:
                self._losses.append(Loss(f"{path}.annotations", "can't be said in another dialect"))
            return Text(part.text, path)
        if isinstance(part, OutputRefusal):
            return Refusal(part.refusal, path)
        if isinstance(part, Summary | Thought):
            raise WrongMemberError(path, "must be text, an image or a file")
        if part.file_id is not None:
            self._losses.append(Loss(f"{path}.file_id", STORED))
            return None
        return self._picture(part, path) if isinstance(part, InputImage) else _document(part, path)

    def _picture(self, part: InputImage, path: str) -> Media:
        detail = part.detail or ""
        if detail == "original":
            self._losses.append(Loss(f"{path}.detail", "can't be said in another dialect"))
        detail = detail if detail in {"low", "high"} else ""
        url = _given(part.image_url, path, "image_url")
        if url[:5].lower() != "data:":
            return Media("", url=url, detail=detail, path=path)
        mime_type, data = _inline(url, f"{path}.image_url")
        return Media(mime_type, data, detail=detail, path=path)


def thoughts(text: str, encrypted: str, item_id: str, path: str = "") -> list[Reasoning]:
    """Return what an item of type ``reasoning`` says: words, sealed thoughts, both one after the other, or nothing.

    They are two parts because most dialects have a place for each, but none for both in one. A signature belongs to words.
    """
    signature, sealed = signatures.unseal(encrypted)
    found = [Reasoning(text, signature, id=item_id, path=path)] if text or signature else []
    if sealed:
        found.append(Reasoning("", sealed=sealed, id=item_id, path=path))
    return found


def _document(part: InputFile, path: str) -> Media:
    name = part.filename or ""
    detail = part.detail if part.detail in {"low", "high"} else ""
    if part.file_url:
        return Media(_type_of(name or part.file_url), url=part.file_url, name=name, detail=detail, path=path)
    data = _given(part.file_data, path, "file_data")
    if data[:5].lower() != "data:":
        return Media(_type_of(name), data, name=name, detail=detail, path=path)
    mime_type, data = _inline(data, f"{path}.file_data", name)
    return Media(mime_type, data, name=name, detail=detail, path=path)


def _given(value: str | None, path: str, name: str) -> str:
    if not value:
        raise WrongMemberError(f"{path}.{name}", "must be given")
    return value


def _inline(url: str, path: str, name: str | None = None) -> tuple[str, str]:
    """Take a ``data:`` address apart; the name of a file tells its type where it names none."""
    mime_type, data = media_types.read_data_url(url)
    if not mime_type and name is not None:
        mime_type = _type_of(name)
    if not data or not mime_type:
        raise WrongMemberError(path, "must be an address, or data:TYPE;base64,DATA")
    return mime_type, data


def _type_of(name: str) -> str:
    return media_types.type_of(name) or media_types.ANY
