"""What requests and answers of chat completions share: calls, thoughts, media."""

from collections.abc import Iterable, Sequence

import msgspec

from keyturn.dialects import media_types, openai_chat_shapes as shapes
from keyturn.dialects.canonical import Media, Reasoning, ToolCall

TEXT, SUMMARY, SEALED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"
_SOUNDS = {"mp3": "audio/mpeg"}
_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


def arguments_of(function: shapes.Function) -> str:
    """Return the arguments of a call as JSON; ``{}`` when there are none."""
    arguments = function.arguments
    if isinstance(arguments, str):
        return arguments or "{}"
    return "{}" if arguments is None else msgspec.json.encode(arguments).decode()


def reasoning_of(message: shapes.Message | shapes.Delta, path: str = "") -> Iterable[Reasoning]:
    """Return what the model thought: with its proof where there is one, else in plain words."""
    details = message.reasoning_details
    if details:
        for index, detail in enumerate(details):
            text, signature = detail.text or detail.summary or "", detail.signature or ""
            place = f"{path}.reasoning_details[{index}]" if path else ""
            yield Reasoning(text, signature, detail.data or "", detail.id or "", place)
    elif message.reasoning_content:
        yield Reasoning(message.reasoning_content, path=f"{path}.reasoning_content" if path else "")
    elif message.reasoning:
        yield Reasoning(message.reasoning, path=f"{path}.reasoning" if path else "")


def details_of(thoughts: Sequence[Reasoning]) -> list[shapes.Detail] | None:
    """Return the thoughts with their proofs; ``None`` where they are plain words."""
    if not any(thought.signature or thought.sealed or thought.id for thought in thoughts):
        return None
    return [detail_of(thought, index) for index, thought in enumerate(thoughts)]


def detail_of(thought: Reasoning, index: int) -> shapes.Detail:
    """Return a thought with its proof."""
    return shapes.Detail(
        type=SEALED if thought.sealed else TEXT,
        text=thought.text or None,
        data=thought.sealed or None,
        signature=thought.signature or None,
        id=thought.id or None,
        index=index,
    )


def call_of(call: ToolCall, index: int | None = None, *, signature: str = "") -> shapes.Call:
    """Return a call as it is written.

    Args:
        call: The call.
        index: Which one it is, in a stream.
        signature: The provider's, where it is to be written.
    """
    return shapes.Call(
        index=index,
        id=call.id,
        type="function",
        function=shapes.Function(name=call.name, arguments=call.arguments),
        extra_content=signed(signature),
    )


def signed(signature: str) -> shapes.Extra | None:
    """Return what a call carries of its provider's."""
    return shapes.Extra(google=shapes.Google(thought_signature=signature)) if signature else None


def signature_of(call: shapes.Call) -> str:
    """Return what a call carries of its provider's; empty: nothing."""
    google = call.extra_content.google if call.extra_content is not None else None
    return (google.thought_signature or "") if google is not None else ""


def data_url(media: Media) -> str:
    """Return where the media is; a ``data:`` URL where it is at hand."""
    return f"data:{media.mime_type};base64,{media.data}" if media.data else media.url


def sound_type(word: str) -> str:
    """Return the type of a sound of this format."""
    return _SOUNDS.get(word, f"audio/{word}")


def sound_format(mime_type: str) -> str:
    """Return the format of a sound; empty: the dialect has none for it."""
    return _FORMATS.get(mime_type, "")


def type_of_file(name: str) -> str:
    """Return the type of a file that came without one, by its name: what has no ending is most often a PDF."""
    return media_types.type_of(name) or (media_types.ANY if "." in name else "application/pdf")


def images_of(message: shapes.Message | shapes.Delta, path: str = "") -> Iterable[Media]:
    """Return the images that were made."""
    for index, image in enumerate(message.images or ()):
        place = f"{path}.images[{index}]" if path else ""
        url = image.image_url.url
        mime_type, data = media_types.read_data_url(url)
        yield Media(mime_type, data, path=place) if mime_type else Media("", url=url, path=place)


def image_of(media: Media) -> shapes.Image:
    """Return an image as it is written."""
    return shapes.Image(type="image_url", image_url=shapes.ImageUrl(url=data_url(media)))
