"""Chat completion requests, written: what a provider that speaks OpenAI's dialect is asked. Its messages are beside this module."""

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import Chat, Choice, Effort, Format, Loss, Tool, Written
from keyturn.dialects.effort import common_effort_for
from keyturn.dialects.openai_chat_turns import TurnWriter
from keyturn.dialects.openai_names import SCHEMA_NAME, name_of_user

_encoder = msgspec.json.Encoder()


class _Request(shapes.Request):
    """A request to any host."""

    random_seed: int | None = None


def write_request(
    chat: Chat,
    *,
    legacy_cap: bool = False,
    stream_options: bool = True,
    strict: bool = False,
    random_seed: bool = False,
    thoughts: str = "",
    top_k: bool = False,
) -> Written:
    """Write a request.

    Args:
        chat: What is asked.
        legacy_cap: The host knows ``max_tokens`` only.
        stream_options: The host has to be asked for the usage of a stream.
        strict: The host refuses what it has no use for: it isn't told who the client's user is.
        random_seed: The host's word for ``seed``.
        thoughts: The member in which the host gives thoughts away and takes them back: ``reasoning_content``,
            ``reasoning``, or ``reasoning_details`` (with their proof); empty: it does neither.
        top_k: The host knows ``top_k``.
    """
    turns = TurnWriter(thoughts)
    messages = turns.write(chat)
    losses = turns.losses
    effort = _effort(chat, losses)
    if strict and chat.user:
        losses.append(Loss("user", "this host isn't told who the user is", minor=True))
    if chat.top_k is not None and not top_k:
        losses.append(Loss("top_k", "this dialect has no top_k"))
    if chat.show_reasoning and not thoughts:
        why = "this dialect doesn't show what a model thinks"
        losses.append(Loss("show_reasoning", why, minor=True))
    request = _Request(
        model=chat.model,
        messages=messages,
        max_tokens=chat.max_output_tokens if legacy_cap else None,
        max_completion_tokens=None if legacy_cap else chat.max_output_tokens,
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=chat.top_k if top_k else None,
        frequency_penalty=chat.frequency_penalty,
        presence_penalty=chat.presence_penalty,
        seed=None if random_seed else chat.seed,
        random_seed=chat.seed if random_seed else None,
        stop=list(chat.stop) if chat.stop else None,
        stream=True if chat.stream else None,
        stream_options=shapes.StreamOptions(include_usage=True) if chat.stream and stream_options else None,
        tools=[_tool(tool) for tool in chat.tools] if chat.tools else None,
        tool_choice=_choice(chat),
        # Without tools OpenAI refuses it, and there is nothing that it could change.
        parallel_tool_calls=chat.parallel_tool_calls if chat.tools else None,
        response_format=_format(chat),
        reasoning_effort=effort.value if effort is not None else None,
        user=name_of_user(chat.user) or None if not strict else None,
    )
    return Written(_encoder.encode(request), tuple(losses))


def _effort(chat: Chat, losses: list[Loss]) -> Effort | None:
    if chat.effort is not None or chat.reasoning_tokens is None:
        return chat.effort
    if chat.reasoning_tokens == 0:
        return Effort.NONE
    why = "this dialect doesn't count thoughts; it knows an effort only"
    losses.append(Loss("reasoning_tokens", why, minor=True))
    return common_effort_for(chat.reasoning_tokens)


def _tool(tool: Tool) -> shapes.Tool:
    schema = msgspec.Raw(tool.schema.encode()) if tool.schema else msgspec.UNSET
    return shapes.Tool(
        type="function",
        function=shapes.Definition(
            name=tool.name, description=tool.description or None, parameters=schema, strict=tool.strict
        ),
    )


def _choice(chat: Chat) -> str | shapes.ToolChoice | None:
    choice = chat.tool_choice
    if choice is Choice.NAMED:
        return shapes.ToolChoice(type="function", function=shapes.Named(name=chat.tool_name))
    if choice is None or (not chat.tools and choice is not Choice.REQUIRED):
        return None  # OpenAI refuses a choice among no tools, and none would be called
    return choice.value


def _format(chat: Chat) -> shapes.ResponseFormat | None:
    if chat.format is Format.TEXT:
        return None
    if chat.format is Format.JSON:
        return shapes.ResponseFormat(type="json_object")
    return shapes.ResponseFormat(
        type="json_schema",
        json_schema=shapes.JsonSchema(
            name=chat.schema_name or SCHEMA_NAME,
            description=chat.schema_description or None,
            schema=msgspec.Raw(chat.schema.encode()),
            strict=chat.schema_strict,
        ),
    )
