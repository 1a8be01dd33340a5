"""How a request for thought is put to Anthropic.

An effort goes to models that take one as ``output_config.effort`` (``minimal`` as ``low``, the least there is), to others as
the budget in ``effort.BUDGETS``; a budget the other way round. Thoughts count towards ``max_tokens``: where the
client has named a cap, the budget makes way for it; where it has not, the default is raised above the budget.
"""

import msgspec

from keyturn.dialects import anthropic_wire as wire
from keyturn.dialects.anthropic_models import Claude
from keyturn.dialects.canonical import Chat, Effort, Loss, Part, Reasoning, Role, ToolResult
from keyturn.dialects.effort import BUDGETS, effort_for

LEAST_BUDGET = 1_024
_WORDS: dict[Effort, wire.EffortWord] = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
}
_DISPLAYS: dict[bool | None, wire.Display | None] = {None: None, True: "summarized", False: "omitted"}


class Thought(msgspec.Struct, frozen=True):
    """What is asked of the model.

    Attributes:
        thinking: The member of this name.
        effort: ``output_config.effort``.
        cap: ``max_tokens``.
    """

    thinking: wire.Thinking | None
    effort: wire.EffortWord | None
    cap: int

    @property
    def on(self) -> bool:
        """Whether the model is asked to think, which rules out much else."""
        return isinstance(self.thinking, (wire.Enabled, wire.Adaptive))


NOTHING_ASKED = Thought(None, None, 0)


def ask(chat: Chat, model: Claude, default_cap: int, losses: list[Loss]) -> Thought:
    """Put it to this model; what can't be said goes to ``losses``."""
    cap, effort, tokens = chat.max_output_tokens or default_cap, chat.effort, chat.reasoning_tokens
    if effort is None and tokens is None and chat.show_reasoning is None:
        return Thought(None, None, cap)
    word = _word(effort, model)
    if tokens == 0 or effort is Effort.NONE:
        return Thought(wire.Disabled(), word, cap)
    display = _DISPLAYS[chat.show_reasoning]
    if model.takes_effort and (tokens is None or not model.takes_budget):
        return Thought(
            wire.Adaptive(display), word or _word(effort_for(tokens) if tokens else None, model), cap
        )
    if effort is None and tokens is None:
        if chat.show_reasoning:
            losses.append(Loss("show_reasoning", "this model thinks only where it is told how much"))
        return Thought(None, None, cap)  # without thoughts there are none to hide
    budget = None if _unthought(chat, losses) else _budget(chat, losses)
    if budget is None:
        return Thought(None, word if tokens else None, cap)
    if chat.max_output_tokens is None and cap <= budget:
        cap += budget
    return Thought(wire.Enabled(budget, display), word if tokens else None, cap)


def _word(effort: Effort | None, model: Claude) -> wire.EffortWord | None:
    if effort is Effort.HIGHEST:
        return model.highest_effort
    return _WORDS.get(effort) if effort else None


def _unthought(chat: Chat, losses: list[Loss]) -> bool:
    """Say whether results answer calls that come without their thoughts, which is refused where thought is counted."""
    if not chat.messages or not any(isinstance(part, ToolResult) for part in chat.messages[-1].parts):
        return False
    said: list[Part] = []
    for message in reversed(chat.messages):
        if message.role is Role.ASSISTANT:
            said += message.parts
        elif said:
            break
    if any(isinstance(part, Reasoning) and (part.signature or part.sealed) for part in said):
        return False
    losses.append(
        Loss(
            _member(chat), "with this model the thoughts before a tool call have to be given back", minor=True
        )
    )
    return True


def _member(chat: Chat) -> str:
    return "effort" if chat.reasoning_tokens is None else "reasoning_tokens"


def _budget(chat: Chat, losses: list[Loss]) -> int | None:
    """Return the tokens of thought; ``None`` where there can't be any."""
    member = _member(chat)
    budget = chat.reasoning_tokens or BUDGETS[chat.effort or Effort.NONE]
    cap = chat.max_output_tokens
    if budget < LEAST_BUDGET:
        losses.append(Loss(member, f"this model thinks with {LEAST_BUDGET} tokens at least"))
        return None
    if cap is None:
        return budget
    if cap <= LEAST_BUDGET:
        losses.append(
            Loss(member, f"{cap} tokens of output leave no room for the {LEAST_BUDGET} of a thought")
        )
        return None
    if (
        chat.reasoning_tokens is None
    ):  # a hint: three quarters at most, so that something is left for the answer
        return max(LEAST_BUDGET, min(budget, cap * 3 // 4))
    return min(budget, cap - 1)
