"""The messages of a chat completion request, read.

Every ``tool`` message becomes a user's message of its own; the deprecated ``function_call`` and its results become a call
with an id made from its place.
"""

from collections.abc import Iterable, Sequence

from msgspec import UNSET

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import Loss, Media, Message, Part, Refusal, Role, Text, ToolCall, ToolResult
from keyturn.dialects.media_types import read_data_url
from keyturn.dialects.openai_chat_parts import (
    arguments_of,
    images_of,
    reasoning_of,
    signature_of,
    sound_type,
    type_of_file,
)
from keyturn.domain.refusals import Reason, Refused

_NOT_OF_THIS_ROLE = "a message of this role has no such member"
_PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
_OF_ASSISTANTS = (
    "tool_calls",
    "tool_call_id",
    "refusal",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "images",
    "audio",
    "annotations",
)
_NOT_OF_RESULTS = tuple(name for name in _OF_ASSISTANTS if name != "tool_call_id")


def _is_plain(message: shapes.Message) -> bool:
    """Say whether a message has a role, a content, and at most the id of a call."""
    return (
        message.name is None
        and message.tool_calls is None
        and message.refusal is None
        and message.function_call is None
        and message.reasoning_content is None
        and message.reasoning is None
        and message.reasoning_details is None
        and message.images is None
        and message.audio is None
        and message.annotations is None
    )


class Findings:
    """What reading a request finds wrong with it. The first thing that is plainly wrong is kept; reading goes on.

    Attributes:
        losses: What has no place in ``Chat``.
        refused: What is plainly wrong.
    """

    __slots__ = ("losses", "refused")

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self.refused: Refused | None = None

    def lose(self, path: str, why: str) -> None:
        """Keep a member without a place."""
        self.losses.append(Loss(path, why))

    def refuse(self, path: str, message: str) -> None:
        """Keep what is plainly wrong."""
        if self.refused is None:
            self.refused = Refused(Reason.INVALID_MEMBER, message, path)


class MessageReader:
    """Reads the messages of one request, in order: results of tools are named by the calls before them."""

    __slots__ = ("_found", "_latest", "_names")

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._names: dict[str, str] = {}
        self._latest = ""

    def message(self, message: shapes.Message, index: int) -> Message:
        """Read message ``index``."""
        path = f"messages[{index}]"
        role = message.role
        if role == "user":
            self._foreign(message, path, _OF_ASSISTANTS)
            return Message(Role.USER, tuple(self._content(message.content, path)), path)
        if role == "assistant":
            return Message(Role.ASSISTANT, tuple(self._assistant(message, path, index)), path)
        if role in {"tool", "function"}:
            return Message(Role.USER, (self._result(message, path),), path)
        if role not in {"system", "developer"}:
            place = f"{path}.role"
            self._found.refuse(place, f"'{place}' must be one of developer, system, user, assistant, tool")
        return Message(Role.SYSTEM, tuple(self.texts(message, path)), path)

    def _foreign(self, message: shapes.Message, path: str, names: Sequence[str]) -> None:
        if _is_plain(message) and (message.tool_call_id is None or "tool_call_id" not in names):
            return
        if message.name is not None and message.role not in {"tool", "function"}:
            self._found.lose(f"{path}.name", "other dialects don't name those who speak")
        for name in names:
            if getattr(message, name):
                self._found.lose(f"{path}.{name}", _NOT_OF_THIS_ROLE)

    def texts(self, message: shapes.Message, path: str) -> list[Text]:
        """Read what the system says."""
        self._foreign(message, path, _OF_ASSISTANTS)
        found: list[Text] = []
        for part in self._content(message.content, path):
            if isinstance(part, Text):
                found.append(part)
            else:
                self._found.refuse(part.path, f"'{part.path}' must be a text")
        return found

    def _assistant(self, message: shapes.Message, path: str, index: int) -> list[Part]:
        self._foreign(message, path, ("tool_call_id",))
        if message.audio is not None:
            self._found.lose(f"{path}.audio", "no other provider has the sound that it stands for")
        if message.annotations:
            self._found.lose(f"{path}.annotations", "other dialects keep what an answer cites elsewhere")
        parts: list[Part] = list(reasoning_of(message, path))
        if message.content is not UNSET and message.content is not None:
            parts += self._content(message.content, path)
        if message.refusal:
            parts.append(Refusal(message.refusal, f"{path}.refusal"))
        parts += images_of(message, path)
        calls = [*self._calls(message, path, index)]
        if calls and parts and parts[-1] == Text("", f"{path}.content"):
            parts.pop()  # many clients send it beside calls
        if not parts and not calls and message.audio is None:
            self._found.refuse(f"{path}.content", f"'{path}' must have content, a refusal or tool_calls")
        return [*parts, *calls]

    def _calls(self, message: shapes.Message, path: str, index: int) -> Iterable[ToolCall]:
        for at, call in enumerate(message.tool_calls or ()):
            place = f"{path}.tool_calls[{at}]"
            if call.type not in {None, "function"}:
                self._found.lose(place, f"tools of type {call.type} are known to no other dialect")
            elif call.function is None or not call.function.name or not call.id:
                self._found.refuse(place, f"'{place}' must have an id and a function with a name")
            else:
                self._names[call.id] = call.function.name
                arguments = arguments_of(call.function)
                yield ToolCall(call.id, call.function.name, arguments, signature_of(call), place)
        legacy = message.function_call
        if legacy is not None:
            place = f"{path}.function_call"
            if not legacy.name:
                self._found.refuse(place, f"'{place}.name' is missing")
            self._latest = f"call_{index}_0"
            self._names[self._latest] = legacy.name or ""
            yield ToolCall(self._latest, legacy.name or "", arguments_of(legacy), "", place)

    def _result(self, message: shapes.Message, path: str) -> ToolResult:
        legacy = message.role == "function"
        self._foreign(message, path, _NOT_OF_RESULTS if not legacy else _OF_ASSISTANTS)
        call_id = self._latest if legacy else message.tool_call_id
        if not call_id:
            place = path if legacy else f"{path}.tool_call_id"
            why = "answers no function_call" if legacy else "is missing"
            self._found.refuse(place, f"'{place}' {why}")
        name = message.name or self._names.get(call_id or "", "")
        parts: list[Text | Media] = []
        for part in self._content(message.content, path):
            if isinstance(part, Text | Media):
                parts.append(part)
            else:
                self._found.refuse(part.path, f"'{part.path}' must be a text")
        return ToolResult(call_id or "", name, tuple(parts), path=path)

    # ── content ─────────────────────────────────────────────────────────────

    def _content(self, content: object, path: str) -> Iterable[Text | Media | Refusal]:
        place = f"{path}.content"
        if isinstance(content, str):
            return (Text(content, place),)
        if not isinstance(content, list):
            self._found.refuse(place, f"'{place}' is missing")
            return ()
        found: list[Text | Media | Refusal] = []
        for index, part in enumerate(content):
            inner = f"{place}[{index}]"
            if part.prompt_cache_breakpoint is not None:
                self._found.lose(
                    f"{inner}.prompt_cache_breakpoint", "each provider has its own way to a cache"
                )
            read = self._part(part, inner)
            if read is not None:
                found.append(read)
        return found

    def _part(self, part: shapes.Part, path: str) -> Text | Media | Refusal | None:
        if part.type not in _PARTS:
            self._found.lose(path, f"parts of type {part.type} are known to no other dialect")
            return None
        if getattr(part, part.type) is None:
            place = f"{path}.{part.type}"
            self._found.refuse(place, f"'{place}' is missing")
            return None
        if part.text is not None and part.type == "text":
            return Text(part.text, path)
        if part.refusal is not None and part.type == "refusal":
            return Refusal(part.refusal, path)
        if part.image_url is not None and part.type == "image_url":
            return self._image(part.image_url, path)
        if part.input_audio is not None and part.type == "input_audio":
            return Media(sound_type(part.input_audio.format), part.input_audio.data, path=path)
        return self._file(part.file or shapes.File(), path)

    def _image(self, image: shapes.ImageUrl, path: str) -> Media | None:
        detail = "" if image.detail in {None, "auto"} else image.detail or ""
        if image.url[:5].lower() != "data:":
            return Media("", url=image.url, detail=detail, path=path)
        mime_type, data = read_data_url(image.url)
        if not mime_type:
            self._found.refuse(f"{path}.image_url.url", "A data: URL must name a type and be in base64")
        return Media(mime_type, data, detail=detail, path=path)

    def _file(self, file: shapes.File, path: str) -> Media | None:
        if file.file_id:
            self._found.lose(f"{path}.file.file_id", "the file is known to the provider it was sent to only")
        name, data = file.filename or "", file.file_data or ""
        if not data:
            if not file.file_id:
                self._found.refuse(f"{path}.file", f"'{path}.file' must have file_data or file_id")
            return None
        if data[:5].lower() != "data:":
            return Media(type_of_file(name), data, name=name, path=path)
        mime_type, data = read_data_url(data)
        if not data:
            self._found.refuse(f"{path}.file.file_data", "A data: URL must hold base64")
        return Media(mime_type or type_of_file(name), data, name=name, path=path)
