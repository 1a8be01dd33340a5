"""How long a model of Google's is asked to think: in tokens up to the 2.5 generation, in levels since.

| model                 | tokens        | levels                     |
|-----------------------|---------------|----------------------------|
| gemini-2.5-pro        | 128 to 32,768 |                            |
| gemini-2.5-flash      | up to 24,576  |                            |
| gemini-2.5-flash-lite | 0, or 512 …   |                            |
| gemini-3-pro          |               | low, high                  |
| later …-pro, 3.7-flash |              | low, medium, high          |
| others                |               | minimal, low, medium, high |

Of models with other names (tuned ones) nothing is known: they get a count where a count was said, and else a level.
Source: https://ai.google.dev/gemini-api/docs/thinking,
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking.
"""

from keyturn.dialects.canonical import Chat, Effort, Loss
from keyturn.dialects.effort import BUDGETS, effort_for
from keyturn.dialects.gemini_shapes import ThinkingConfig

_BUDGETS = (
    ("gemini-2.5-flash-lite", 512, 24_576, True),
    ("gemini-2.5-flash", 0, 24_576, True),
    ("gemini-2.5-", 128, 32_768, False),
)
"""By the beginning of a name: the least and the most tokens of thought, and whether there may be none."""
_ANY = (0, 10**9, True)
_NO_MEDIUM = ("gemini-3-pro",)
_NO_MINIMAL = ("-pro", "gemini-3.7-flash", "gemini-3.8-flash")
_UPWARD = "this model has no such level of thinking, but a higher one"
_DOWNWARD = "this model has no such level of thinking, but a lower one"


def thinking_of(chat: Chat, losses: list[Loss]) -> ThinkingConfig | None:
    """Return how the model is to think, ``None`` for as it likes; what can't be said as it was goes to ``losses``."""
    model = bare(chat.model)
    span = next((one[1:] for one in _BUDGETS if model.startswith(one[0])), None)
    budget: int | None = None
    level = ""
    if span is None and model.startswith("gemini-"):
        level = _in_levels(chat, model, losses)
    elif span is None and chat.reasoning_tokens is None and chat.effort is not Effort.NONE:
        level = _level(chat.effort, model, losses)
    else:
        budget = _in_tokens(chat, span or _ANY, losses)
    if budget is None and not level and chat.show_reasoning is None:
        return None
    return ThinkingConfig(chat.show_reasoning, budget, level)


def bare(model: str) -> str:
    """Return the name of a model without that of its maker, which may stand before it on Vertex AI."""
    return model.rpartition("/")[2]


def _in_levels(chat: Chat, model: str, losses: list[Loss]) -> str:
    tokens = chat.reasoning_tokens
    if tokens is None:
        return _level(chat.effort, model, losses)
    why = "this model takes a level of thinking, no count of tokens"
    losses.append(Loss("reasoning_tokens", why, minor=True))
    if chat.effort is not None:
        return _level(chat.effort, model, losses)
    return _level(effort_for(tokens), model, [])


def _level(effort: Effort | None, model: str, losses: list[Loss]) -> str:
    if effort is None:
        return ""
    nearest = effort
    if effort is Effort.HIGHEST:
        nearest = Effort.HIGH
    elif effort in {Effort.NONE, Effort.MINIMAL}:
        nearest = Effort.LOW if any(word in model for word in _NO_MINIMAL) else Effort.MINIMAL
    elif effort is Effort.MEDIUM and model.startswith(_NO_MEDIUM):
        nearest = Effort.HIGH
    if nearest is not effort:
        losses.append(Loss("effort", _DOWNWARD if effort is Effort.HIGHEST else _UPWARD, minor=True))
    return nearest.value.upper()


def _in_tokens(chat: Chat, span: tuple[int, int, bool], losses: list[Loss]) -> int | None:
    """Return the nearest count that the model takes. Where both were said, the count goes before the effort."""
    tokens, effort = chat.reasoning_tokens, chat.effort
    least, most, may_be_none = span
    said = "effort"
    if effort is Effort.NONE:
        tokens = 0
    elif tokens is not None:
        said = "reasoning_tokens"
        if effort is not None:
            losses.append(Loss("effort", "Gemini takes a count of tokens or an effort, not both", minor=True))
    elif effort is not None:
        tokens = min(BUDGETS[effort], most)
    if tokens is None or (tokens == 0 and may_be_none):
        return tokens
    nearest = min(max(tokens, least), most)
    if nearest != tokens:
        losses.append(Loss(said, f"this model takes {least} to {most} tokens of thought", minor=True))
    return nearest
