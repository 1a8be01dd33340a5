"""Anthropic's endpoints beside messages: the tokens of a request, and the models."""

from urllib.parse import parse_qs, unquote

from keyturn.demo import replies, talking, wording
from keyturn.demo.models import MODELS, Task, find
from keyturn.demo.replies import Reply
from keyturn.dialects import anthropic_messages
from keyturn.dialects.model_lists import ANTHROPIC_PAGE, Listed, anthropic_model, anthropic_page
from keyturn.domain.refusals import Refused

_MODELS = "/v1/models"


def count_tokens(raw: bytes) -> Reply:
    """Count the tokens of a request."""
    read = anthropic_messages.read_count(raw)
    if isinstance(read, Refused):
        return wording.ANTHROPIC.refusal(read)
    chat = read.chat
    behaviour = wording.ANTHROPIC.model(chat.model, Task.TEXT)
    if isinstance(behaviour, Reply):
        return behaviour
    body = anthropic_messages.write_count(talking.count(chat))
    return replies.plain(body, headers=wording.ANTHROPIC.headers(raw))


def models(path: str, query: str, *, created: int) -> Reply | None:
    """Return the models that talk, a page of them, or one; ``None``: there is nothing at that path."""
    listed = sorted(
        (Listed(name, created) for name in MODELS if find(name, Task.TEXT)), key=lambda one: one.name
    )
    if path == _MODELS:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        size = asked.get("limit", "")
        page = anthropic_page(
            listed,
            size=int(size) if size.isdigit() else ANTHROPIC_PAGE,
            after=asked.get("after_id", ""),
            before=asked.get("before_id", ""),
        )
        return replies.plain(page)
    if not path.startswith(f"{_MODELS}/"):
        return None
    name = unquote(path.removeprefix(f"{_MODELS}/"))
    found = next((one for one in listed if one.name == name), None)
    return wording.ANTHROPIC.unknown_model(name) if found is None else replies.plain(anthropic_model(found))
