"""Images and speech in Gemini's dialect, where models that make them are asked like those that write.

Source: https://ai.google.dev/gemini-api/docs/image-generation, https://ai.google.dev/gemini-api/docs/speech-generation.
"""

import base64

from keyturn.demo import bodies, pictures, prose, replies, sounds
from keyturn.demo.bodies import Invalid, Paced
from keyturn.demo.models import Behaviour, Task, find
from keyturn.demo.replies import Reply, Served
from keyturn.demo.wording import GEMINI, stamp
from keyturn.dialects.canonical import Answer, Chat, Media, Stop, Text
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import Usage

IMAGE_TOKENS = 1_290
TOKENS_PER_S = 25
"""Of sound."""
_SIDE = 256


def makes(model: str) -> bool:
    """Say whether a model makes images or speech, and no text."""
    return not find(model, Task.TEXT) and bool(find(model, Task.IMAGES) or find(model, Task.SPEECH))


def make(model: str, raw: bytes, *, created: int) -> Reply:
    """Answer with an image, or with the last message read aloud.

    Args:
        model: One that ``makes`` such things.
        raw: The request's body.
        created: When answers say they were made, in seconds since 1970 UTC.
    """
    paced = bodies.read(raw, Paced)
    if isinstance(paced, Invalid):
        return GEMINI.error(400, paced.message)
    read = GEMINI.codec.read_request(raw, model=model)
    if isinstance(read, Refused):
        return GEMINI.refusal(read)
    text = _last_text(read.chat)
    painter = find(model, Task.IMAGES)
    behaviour = painter or find(model, Task.SPEECH) or Behaviour()
    if painter:
        made, tokens = Media("image/png", _encoded(pictures.png(text, _SIDE, _SIDE))), IMAGE_TOKENS
    else:
        samples = sounds.hum(text)
        made = Media("audio/wav", _encoded(sounds.wav(samples)))
        tokens = 1 + len(samples) * TOKENS_PER_S // sounds.RATE
    usage = Usage(prose.count_tokens(text), tokens)
    answer = Answer(
        id=f"{GEMINI.answer_id}{stamp(raw)}",
        model=model,
        parts=(made,),
        stop=Stop.END,
        usage=usage,
        created=created,
    )
    reply = replies.plain(GEMINI.codec.write_answer(answer, created=created), headers=GEMINI.headers(raw))
    served = Served(
        model=model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        streamed=False,
        status=200,
        images=int(painter is not None),
        characters=0 if painter else len(text),
    )
    return replies.pace(reply, paced, behaviour, served)


def _last_text(chat: Chat) -> str:
    return "\n".join(part.text for part in chat.messages[-1].parts if isinstance(part, Text))


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
