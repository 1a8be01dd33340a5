"""Writes a request for a provider that speaks ``/v1/messages``.

A schema has no name here and is always strict, which changes nothing of the answer and goes unsaid.

Source: https://platform.claude.com/docs/en/api/messages/create
"""

import msgspec

from keyturn.dialects import anthropic_wire as wire
from keyturn.dialects.anthropic_conversation import write_turns
from keyturn.dialects.anthropic_models import Claude, claude
from keyturn.dialects.anthropic_thinking import ask
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Format,
    Loss,
    Role,
    Tool,
    Written,
)
from keyturn.dialects.conversation import (
    json_members,
    note_settings,
    note_that_nobody_speaks,
    says_something,
    schema_of,
    words_of,
)

_encoder = msgspec.json.Encoder()
_LEAST_TOP_P = 0.95
"""With thinking on."""
_LONGEST_USER = 256


def write_request(chat: Chat, *, default_cap: int) -> Written:
    """Write a request for an answer.

    Args:
        chat: The request; ``model`` is the provider's name.
        default_cap: ``max_tokens``, which Anthropic requires, for a client that has named none; raised where
            thinking needs more.
    """
    losses: list[Loss] = []
    model = claude(chat.model)
    request, thinks = _request(chat, model, default_cap, losses)
    request.temperature, request.top_p, request.top_k = sampling(chat, model, thinks, losses)
    note_settings(chat, "Anthropic's API has no such setting", losses)
    request.stop_sequences = stops(chat.stop, losses) or None
    if len(chat.user) > _LONGEST_USER:
        losses.append(Loss("user", f"Anthropic takes up to {_LONGEST_USER} characters", minor=True))
    elif chat.user:
        request.metadata = wire.Metadata(chat.user)
    request.stream = chat.stream or None
    return Written(_encoder.encode(request), tuple(losses))


def write_count_request(chat: Chat) -> Written:
    """Write a request for the number of tokens of this one; how it is sampled and where it stops doesn't count."""
    losses: list[Loss] = []
    request, _ = _request(chat, claude(chat.model), 1, losses)
    request.max_tokens = None
    return Written(_encoder.encode(request), tuple(losses))


def _request(
    chat: Chat, model: Claude, default_cap: int, losses: list[Loss]
) -> tuple[wire.WireRequest, bool]:
    """Return what both paths have in common, and whether the model thinks."""
    thought = ask(chat, model, default_cap, losses)
    request = wire.WireRequest(chat.model, [], thought.cap, thinking=thought.thinking)
    said = words_of(chat.instructions)
    request.messages = write_turns(chat.messages, model, losses)
    if request.messages:
        request.system = _system(said)
    elif said:
        note_that_nobody_speaks(chat, losses)
        request.messages = [wire.WireMessage(Role.USER, "\n\n".join(said))]
    if chat.tools:
        request.tools = [_tool(tool, losses) for tool in chat.tools]
    request.tool_choice = _choice(chat, thought.on, losses)
    output = _format(chat, losses)
    if thought.effort or output:
        request.output_config = wire.OutputConfig(thought.effort, output)
    return request, thought.on


def _system(said: list[str]) -> str | list[wire.TextBlock | None] | None:
    if len(said) > 1:
        return [wire.TextBlock(text) for text in said]
    return said[0] if said else None


# ── settings ────────────────────────────────────────────────────────────────


def sampling(
    chat: Chat,
    model: Claude,
    thinks: bool,  # noqa: FBT001 -- private, and the type says it
    losses: list[Loss],
) -> tuple[float | None, float | None, int | None]:
    """Return temperature, ``top_p`` and ``top_k``; 1 is the same as nothing for the first two."""
    temperature, top_p, top_k = chat.temperature, chat.top_p, chat.top_k
    if temperature is not None and temperature > 1:
        losses.append(Loss("temperature", "Anthropic's ends at 1"))
        temperature = None
    if thinks or not model.takes_sampling:
        why = "a model that thinks can't be given one" if thinks else "this model has no such setting"
        kept = top_p if top_p and top_p >= _LEAST_TOP_P and model.takes_sampling else None
        if temperature not in (None, 1):
            losses.append(Loss("temperature", why))
        if top_p not in (None, 1, kept):
            losses.append(Loss("top_p", why))
        if top_k is not None:
            losses.append(Loss("top_k", why))
        return None, kept, None
    if temperature is None or top_p is None or model.takes_both:
        return temperature, top_p, top_k
    if temperature == 1:
        return None, top_p, top_k
    if top_p != 1:
        losses.append(Loss("top_p", "this model takes it or a temperature, not both"))
    return temperature, None, top_k


def stops(stop: tuple[str, ...], losses: list[Loss]) -> list[str]:
    """Return the stop sequences that a Claude takes."""
    said = list(filter(says_something, stop))
    if len(said) < len(stop):
        losses.append(Loss("stop", "Anthropic stops at no sequence of white space alone"))
    return said


def _tool(tool: Tool, losses: list[Loss]) -> wire.WireTool:
    return wire.WireTool(tool.name, schema_of(tool, losses), tool.description or None, tool.strict)


def _choice(chat: Chat, thinks: bool, losses: list[Loss]) -> wire.ToolChoice | None:  # noqa: FBT001 -- private
    """Return the choice; that several calls are allowed is the default and stays unsaid."""
    single = True if chat.parallel_tool_calls is False else None
    choice = chat.tool_choice
    if choice in (Choice.REQUIRED, Choice.NAMED) and thinks:
        losses.append(Loss("tool_choice", "a model that thinks can't be made to call a tool"))
        choice = Choice.AUTO
    if choice is Choice.REQUIRED:
        return wire.AnyChoice(single)
    if choice is Choice.NAMED:
        return wire.NamedChoice(chat.tool_name, single)
    if not chat.tools or (choice is None and not single):
        return None
    return wire.NoChoice() if choice is Choice.NONE else wire.AutoChoice(single)


def _format(chat: Chat, losses: list[Loss]) -> wire.JsonSchema | None:
    if chat.format is Format.TEXT:
        return None
    if chat.format is Format.JSON:
        losses.append(Loss("format", "Anthropic writes JSON only where it is given the schema"))
        return None
    if chat.schema_description:
        losses.append(Loss("schema_description", "Anthropic takes the schema alone", minor=True))
    if json_members(chat.schema) is None:
        losses.append(Loss("schema", "it is not a JSON object"))
        return None
    return wire.JsonSchema(msgspec.Raw(chat.schema))
