"""Moderations, in OpenAI's dialect: what holds the name of a category is of it.

Source: https://github.com/openai/openai-openapi (API version 2.3.0), ``CreateModerationResponse``.
"""

import re
from typing import Any

from keyturn.demo import bodies, prose, replies
from keyturn.demo.bodies import Body, Invalid, Part
from keyturn.demo.models import Task
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import encode
from keyturn.demo.wording import OPENAI, stamp

_BOTH = ("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic")
"""Categories that images can be of, too."""
_WORDS_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)
_WORD = re.compile(r"\w+(?:-\w+)*")
_SURE, _UNLIKELY = 0.99, 0.0001


class _Asked(Body, frozen=True, kw_only=True):
    model: str = "demo-moderation"
    input: str | list[str | Part]


def moderate(raw: bytes) -> Reply:
    """Look for what is not wanted."""
    asked = bodies.read(raw, _Asked)
    if isinstance(asked, Invalid):
        return replies.invalid(asked)
    behaviour = OPENAI.model(asked.model, Task.MODERATION)
    if isinstance(behaviour, Reply):
        return behaviour
    inputs = [asked.input] if isinstance(asked.input, str) else asked.input
    texts = [one for one in inputs if isinstance(one, str)]
    parts = [one for one in inputs if isinstance(one, Part)]
    results = [_judge(text, with_image=False) for text in texts]
    if parts:
        words = " ".join(part.text or "" for part in parts)
        results.append(_judge(words, with_image=any(part.type == "image_url" for part in parts)))
        texts.append(words)
    body = {"id": f"modr-{stamp(raw)}", "model": asked.model, "results": results}
    served = Served(
        model=asked.model,
        input_tokens=sum(map(prose.count_tokens, texts)),
        output_tokens=0,
        streamed=False,
        status=200,
    )
    return replies.pace(replies.plain(encode(body), headers=OPENAI.headers(raw)), asked, behaviour, served)


def _judge(text: str, *, with_image: bool) -> dict[str, Any]:
    words = {word.lower() for word in _WORD.findall(text)}
    found = {name: name in words for name in (*_BOTH, *_WORDS_ONLY)}
    looked_at = ["text", "image"] if with_image else ["text"]
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": {name: _SURE if is_so else _UNLIKELY for name, is_so in found.items()},
        "category_applied_input_types": {name: looked_at if name in _BOTH else ["text"] for name in found},
    }
