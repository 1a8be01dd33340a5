"""Writes a request for a provider that speaks ``/v1/messages``.

A schema has no name here and is always strict, which changes nothing of the answer and goes unsaid.

Source: https://platform.claude.com/docs/en/api/messages/create
"""

import msgspec

from keyturn.dialects import anthropic_wire as wire
from keyturn.dialects.anthropic_conversation import json_members, write_turns
from keyturn.dialects.anthropic_models import Claude, claude
from keyturn.dialects.anthropic_thinking import ask
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Format,
    Loss,
    Role,
    Text,
    Tool,
    Written,
)

_encoder = msgspec.json.Encoder()
_NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
_LEAST_TOP_P = 0.95
"""With thinking on."""

_UNKNOWN: tuple[tuple[str, float | None], ...] = (
    ("frequency_penalty", 0),
    ("presence_penalty", 0),
    ("seed", None),
)
"""Members that Anthropic doesn't have, with the value that is the same as none."""


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
    for member, none in _UNKNOWN:
        if getattr(chat, member) not in (None, none):
            losses.append(Loss(member, "Anthropic's API has no such setting"))
    request.stop_sequences = _stop(chat.stop, losses)
    if chat.user:
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
    request.system = _system(chat.instructions)
    request.messages = write_turns(chat.messages, model, losses)
    if not request.messages and chat.instructions:
        losses.append(Loss(chat.instructions[0].path or "instructions", "a user has to say something, too"))
        said = "\n\n".join(text.text for text in chat.instructions)
        request.messages, request.system = [wire.WireMessage(Role.USER, said)], None
    if chat.tools:
        request.tools = [_tool(tool, losses) for tool in chat.tools]
    request.tool_choice = _choice(chat, thought.on, losses)
    output = _format(chat, losses)
    if thought.effort or output:
        request.output_config = wire.OutputConfig(thought.effort, output)
    return request, thought.on


def _system(instructions: tuple[Text, ...]) -> str | list[wire.TextBlock | None] | None:
    said = [text.text for text in instructions if text.text and not text.text.isspace()]
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


def _stop(stop: tuple[str, ...], losses: list[Loss]) -> list[str] | None:
    if not stop:
        return None
    said = [text for text in stop if text and not text.isspace()]
    if len(said) < len(stop):
        losses.append(Loss("stop", "Anthropic stops at no sequence of white space alone"))
    return said or None


def _tool(tool: Tool, losses: list[Loss]) -> wire.WireTool:
    schema = _NO_ARGUMENTS
    if tool.schema:
        members = json_members(tool.schema)
        if members is None:
            losses.append(Loss(tool.path or "tools", "the schema of its arguments is not a JSON object"))
        elif "type" in members:
            schema = msgspec.Raw(tool.schema)
        else:  # every call is an object, and Anthropic wants it said
            rest = tool.schema.strip()[1:]
            comma = "," if members else ""
            schema = msgspec.Raw(f'{{"type":"object"{comma}{rest}')
    return wire.WireTool(tool.name, schema, tool.description or None, tool.strict)


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
