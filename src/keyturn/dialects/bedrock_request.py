"""Writes a request for Amazon Bedrock's ``Converse``.

Said without a word, because nothing of the answer hangs on it: a schema is always strict; thoughts are shown where there
are any.

Claude is asked to think as by its maker's own API: Converse hands ``thinking`` and ``output_config`` on.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
"""

import re

import msgspec

from keyturn.dialects.anthropic_models import claude
from keyturn.dialects.anthropic_thinking import NOTHING_ASKED, Thought, ask
from keyturn.dialects.anthropic_writing import sampling, stops
from keyturn.dialects.bedrock_conversation import Json, write_turns
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Message,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Written,
)
from keyturn.dialects.conversation import note_settings, note_that_nobody_speaks, schema_of, words_of
from keyturn.dialects.effort import common_effort_for

_encode = msgspec.json.Encoder().encode
_USER = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_CLAUDE = "anthropic.claude"
_NO_CAP = 10**9
_EFFORTS = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.HIGHEST: "high",
}
"""All that OpenAI's open models know."""
_NEAREST = (Effort.MINIMAL, Effort.HIGHEST)


def write_request(chat: Chat) -> Written:
    """Write a request; the model's name and whether to stream stand in the path."""
    losses: list[Loss] = []
    turns = write_turns(chat.messages, losses)
    said = [{"text": text} for text in words_of(chat.instructions) + _late_instructions(chat, losses)]
    body: Json = {"messages": turns}
    if turns and said:
        body["system"] = said
    elif said:
        note_that_nobody_speaks(chat, losses)
        turns.append({"role": Role.USER, "content": said})
    thought = _asked(chat, losses)
    if _CLAUDE in chat.model:
        chat = _as_claude_takes_it(chat, thought, losses)
    if settings := _sampling(chat, losses):
        body["inferenceConfig"] = settings
    if tools := _tools(chat, losses):
        body["toolConfig"] = tools
    if output := _output(chat, losses):
        body["outputConfig"] = output
    if extra := _of_the_model(chat, thought, losses):
        body["additionalModelRequestFields"] = extra
    if chat.user:
        if _USER.fullmatch(chat.user):
            body["requestMetadata"] = {"user": chat.user}
        else:
            losses.append(Loss("user", "Bedrock takes up to 256 letters, digits and some signs", minor=True))
    return Written(_encode(body), tuple(losses))


# ── settings ────────────────────────────────────────────────────────────────


def _sampling(chat: Chat, losses: list[Loss]) -> Json:
    note_settings(chat, "Bedrock's Converse has no such setting", losses)
    temperature = chat.temperature
    if temperature is not None and temperature > 1:
        losses.append(Loss("temperature", "with Bedrock it goes up to 1"))
        temperature = 1.0
    found: Json = {
        "maxTokens": chat.max_output_tokens,
        "temperature": temperature,
        "topP": chat.top_p,
        "stopSequences": [text for text in chat.stop if text] or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _output(chat: Chat, losses: list[Loss]) -> Json | None:
    if chat.format is Format.SCHEMA:
        named = {"name": chat.schema_name, "description": chat.schema_description}
        schema = {"schema": chat.schema, **{name: text for name, text in named.items() if text}}
        return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if chat.format is Format.JSON:
        losses.append(Loss("format", "Bedrock's Converse writes JSON by a schema only"))
    return None


def _asked(chat: Chat, losses: list[Loss]) -> Thought:
    """Return what is asked of a Claude model; a cap that the client has not named is the model's own."""
    if _CLAUDE not in chat.model or (chat.effort is None and chat.reasoning_tokens is None):
        return NOTHING_ASKED
    return ask(chat, claude(chat.model), _NO_CAP, losses)


def _as_claude_takes_it(chat: Chat, thought: Thought, losses: list[Loss]) -> Chat:
    """Return the request without what this version can't be told, or one that thinks."""
    temperature, top_p, top_k = sampling(chat, claude(chat.model), thought.on, losses)
    choice = chat.tool_choice
    if thought.on and choice in {Choice.REQUIRED, Choice.NAMED}:
        losses.append(Loss("tool_choice", "a model that thinks can't be made to call a tool"))
        choice = Choice.AUTO
    return msgspec.structs.replace(
        chat,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        stop=tuple(stops(chat.stop, losses)),
        tool_choice=choice,
    )


def _of_the_model(chat: Chat, thought: Thought, losses: list[Loss]) -> Json:
    """Return what Converse hands on to the model as it is: each maker has names of its own."""
    if _CLAUDE in chat.model:
        config = {"effort": thought.effort} if thought.effort else None
        said = {"top_k": chat.top_k, "thinking": thought.thinking, "output_config": config}
        return {name: value for name, value in said.items() if value is not None}
    found: Json = {}
    if chat.top_k is not None:
        if "amazon.nova" in chat.model:
            found["inferenceConfig"] = {"topK": chat.top_k}
        else:
            losses.append(Loss("top_k", "nobody knows what this model calls it"))
    if "openai.gpt" in chat.model:
        if word := _word(chat, losses):
            found["reasoning_effort"] = word
        return found
    # What doesn't think need not be told so.
    if chat.reasoning_tokens is not None:
        idle = chat.reasoning_tokens == 0
        losses.append(Loss("reasoning_tokens", "this model has no budget for thoughts", minor=idle))
    if chat.effort is not None:
        idle = chat.effort is Effort.NONE
        losses.append(Loss("effort", "this model takes no word for how long to think", minor=idle))
    return found


def _word(chat: Chat, losses: list[Loss]) -> str | None:
    """Return the word for how long a model of OpenAI's thinks, which it always does."""
    effort, tokens = chat.effort, chat.reasoning_tokens
    if tokens is not None:
        losses.append(Loss("reasoning_tokens", "this model takes a word for it only", minor=tokens > 0))
        effort = effort or (common_effort_for(tokens) if tokens else None)
    if effort is Effort.NONE:
        losses.append(Loss("effort", "this model always thinks"))
    elif effort in _NEAREST:
        losses.append(Loss("effort", "this model takes the nearest of three levels", minor=True))
    return _EFFORTS.get(effort) if effort else None


def _tools(chat: Chat, losses: list[Loss]) -> Json | None:
    called = _tools_of(chat.messages)
    if not chat.tools:
        return {"tools": [_spec(tool, losses) for tool in called]} if called else None
    if chat.tool_choice is Choice.NONE:
        if not called:
            return None  # what it doesn't know it doesn't call
        losses.append(Loss("tool_choice", "Bedrock can't forbid tools in a conversation that has calls"))
    if chat.parallel_tool_calls is False:
        losses.append(Loss("parallel_tool_calls", "Bedrock's Converse can't forbid several calls at once"))
    config: Json = {"tools": [_spec(tool, losses) for tool in chat.tools]}
    match chat.tool_choice:
        case Choice.REQUIRED:
            config["toolChoice"] = {"any": {}}
        case Choice.NAMED:
            config["toolChoice"] = {"tool": {"name": chat.tool_name}}
        case _:
            pass  # it is the model's choice anyway
    return config


def _spec(tool: Tool, losses: list[Loss]) -> Json:
    spec: Json = {"name": tool.name, "inputSchema": {"json": schema_of(tool, losses)}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return {"toolSpec": spec}


# ── the conversation ────────────────────────────────────────────────────────


def _late_instructions(chat: Chat, losses: list[Loss]) -> list[str]:
    found = []
    for message in chat.messages:
        if message.role is Role.SYSTEM:
            path = message.path or "messages"
            losses.append(Loss(path, "with Bedrock instructions stand before the conversation"))
            found += words_of(part for part in message.parts if isinstance(part, Text))
    return found


def _tools_of(messages: tuple[Message, ...]) -> tuple[Tool, ...]:
    """Return the tools that a conversation tells of, as far as that is known: Bedrock wants each declared."""
    parts = [part for message in messages for part in message.parts]
    names = dict.fromkeys(part.name for part in parts if isinstance(part, ToolCall | ToolResult))
    return tuple(Tool(name) for name in names if name)
