"""Images, in OpenAI's dialect: made from words, edited, varied.

Source: https://github.com/openai/openai-openapi (API version 2.3.0), ``ImagesResponse``.
"""

import base64
import re
from typing import Annotated, Any, Literal

import msgspec

from keyturn.demo import bodies, forms, pictures, prose, replies
from keyturn.demo.bodies import Body, Invalid
from keyturn.demo.models import Task
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import encode
from keyturn.demo.wording import OPENAI

IMAGE_TOKENS = 85
"""What an image that was sent counts."""
MADE_TOKENS = 272
"""What an image that was made counts."""

_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")
_DEFAULT_SIZE = "1024x1024"
_LARGEST = 2_048
_DEFAULT_MODEL = "demo-image"

_Number = Annotated[int, msgspec.Meta(ge=1, le=10)]


class _Asked(Body, frozen=True, kw_only=True):
    """Members of all three requests."""

    model: str = _DEFAULT_MODEL
    prompt: str = ""
    n: _Number | None = None
    size: str | None = None
    response_format: Literal["url", "b64_json"] | None = None


class _Generation(_Asked, frozen=True, kw_only=True):
    prompt: Annotated[str, msgspec.Meta(min_length=1)]


def generate(raw: bytes, *, created: int) -> Reply:
    """Make images from words."""
    asked = bodies.read(raw, _Generation)
    return replies.invalid(asked) if isinstance(asked, Invalid) else _answer(raw, asked, 0, created)


def edit(raw: bytes, *, created: int) -> Reply:
    """Make images from images and words."""
    return _from_form(raw, created, needs_words=True)


def vary(raw: bytes, *, created: int) -> Reply:
    """Make images from an image."""
    return _from_form(raw, created, needs_words=False)


def _from_form(raw: bytes, created: int, *, needs_words: bool) -> Reply:
    form = forms.read(raw)
    if isinstance(form, Invalid):
        return replies.invalid(form)
    asked = forms.convert(form, _Asked)
    if isinstance(asked, Invalid):
        return replies.invalid(asked)
    images = form.files.get("image", [])
    for name, there in (("image", bool(images)), ("prompt", bool(asked.prompt) or not needs_words)):
        if not there:
            message = f"Missing required parameter: '{name}'."
            return replies.invalid(Invalid(message, name, "missing_required_parameter"))
    sent = len(images) + len(form.files.get("mask", []))
    return _answer(raw, asked, sent, created)


def _answer(raw: bytes, asked: _Asked, sent: int, created: int) -> Reply:
    behaviour = OPENAI.model(asked.model, Task.IMAGES)
    if isinstance(behaviour, Reply):
        return behaviour
    size = asked.size if asked.size and asked.size != "auto" else _DEFAULT_SIZE
    found = _SIZE.fullmatch(size)
    if found is None or not all(1 <= int(side) <= _LARGEST for side in found.groups()):
        return replies.invalid(Invalid(f"Invalid size '{size}'.", "size", "invalid_value"))
    count = asked.n or 1
    made = [
        base64.b64encode(pictures.png(f"{asked.prompt}#{number}", int(found[1]), int(found[2]))).decode()
        for number in range(count)
    ]
    words, shown = prose.count_tokens(asked.prompt), sent * IMAGE_TOKENS
    served = Served(
        model=asked.model,
        input_tokens=words + shown,
        output_tokens=count * MADE_TOKENS,
        streamed=bool(asked.stream),
        status=200,
        images=count,
    )
    usage = {
        "input_tokens": served.input_tokens,
        "input_tokens_details": {"text_tokens": words, "image_tokens": shown},
        "output_tokens": served.output_tokens,
        "total_tokens": served.input_tokens + served.output_tokens,
    }
    told: dict[str, Any] = {"output_format": "png", "quality": "low", "size": size, "background": "opaque"}
    if behaviour.counts:
        told["usage"] = usage
    headers = OPENAI.headers(raw)
    if asked.stream:
        events = [_completed(one, told, created, edited=sent > 0) for one in made]
        reply = replies.stream(events[:-1], events[-1], headers=headers)
    else:
        name, lead = ("url", "data:image/png;base64,") if asked.response_format == "url" else ("b64_json", "")
        data = [{name: f"{lead}{one}"} for one in made]
        reply = replies.plain(encode({"created": created, "data": data, **told}), headers=headers)
    return replies.pace(reply, asked, behaviour, served)


def _completed(image: str, told: dict[str, Any], created: int, *, edited: bool) -> bytes:
    """Return the event that tells one image; each tells the usage of all."""
    kind = f"image_{'edit' if edited else 'generation'}.completed"
    event = {"type": kind, "b64_json": image, "created_at": created, **told}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(event))
