"""Writes a request for Amazon Bedrock's ``Converse``.

Said without a word, because nothing of the answer hangs on it: the id of a thought and a tool call's signature mean
something only to the provider that gave them; a schema is always strict; a refusal in the conversation is told as the
words it is made of; an image is always looked at as closely as the model can; thoughts are shown where there are any.

Claude is asked to think as by its maker's own API: Converse hands ``thinking`` and ``output_config`` on.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
"""

import re

import msgspec

from keyturn.dialects.anthropic_models import claude
from keyturn.dialects.anthropic_thinking import NOTHING_ASKED, Thought, ask
from keyturn.dialects.anthropic_writing import sampling
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Format,
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Written,
)

Json = dict[str, object]

_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9()\[\]-]+")
_USER = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
_LONGEST_ID = 64
_S3 = "s3://"
_CLAUDE = "anthropic.claude"
_NO_CAP = 10**9
_UNKNOWN: tuple[tuple[str, float | None], ...] = (
    ("frequency_penalty", 0),
    ("presence_penalty", 0),
    ("seed", None),
)
"""Members that Converse doesn't have, with the value that is the same as none."""


def write_request(chat: Chat) -> Written:
    """Write a request; the model's name and whether to stream stand in the path."""
    losses: list[Loss] = []
    body: Json = {"messages": _messages(chat, losses)}
    system = [text.text for text in chat.instructions] + _late_instructions(chat, losses)
    if said := [{"text": text} for text in system if text.strip()]:
        body["system"] = said
    thought = _asked(chat, losses)
    chat = _calmed(chat, losses) if thought.on else chat
    if settings := _sampling(chat, losses):
        body["inferenceConfig"] = settings
    if tools := _tools(chat, losses):
        body["toolConfig"] = tools
    if chat.format is Format.SCHEMA:
        named = {"name": chat.schema_name, "description": chat.schema_description}
        schema = {"schema": chat.schema, **{name: text for name, text in named.items() if text}}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    elif chat.format is Format.JSON:
        losses.append(Loss("format", "Bedrock's Converse writes JSON by a schema only"))
    if extra := _of_the_model(chat, thought, losses):
        body["additionalModelRequestFields"] = extra
    if chat.user:
        if _USER.fullmatch(chat.user):
            body["requestMetadata"] = {"user": chat.user}
        else:
            losses.append(Loss("user", "Bedrock takes up to 256 letters, digits and some signs"))
    return Written(_encode(body), tuple(losses))


# ── settings ────────────────────────────────────────────────────────────────


def _sampling(chat: Chat, losses: list[Loss]) -> Json:
    for member, none in _UNKNOWN:
        if getattr(chat, member) not in (None, none):
            losses.append(Loss(member, "Bedrock's Converse has no such setting"))
    temperature = chat.temperature
    if temperature is not None and temperature > 1:
        losses.append(Loss("temperature", "with Bedrock it goes up to 1"))
        temperature = 1.0
    found: Json = {
        "maxTokens": chat.max_output_tokens,
        "temperature": temperature,
        "topP": chat.top_p,
        "stopSequences": list(chat.stop) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _asked(chat: Chat, losses: list[Loss]) -> Thought:
    """Return what is asked of a Claude model; a cap that the client has not named is the model's own."""
    if _CLAUDE not in chat.model or (chat.effort is None and chat.reasoning_tokens is None):
        return NOTHING_ASKED
    return ask(chat, claude(chat.model), _NO_CAP, losses)


def _calmed(chat: Chat, losses: list[Loss]) -> Chat:
    """Return the request without what a Claude that thinks can't be told."""
    temperature, top_p, top_k = sampling(chat, claude(chat.model), True, losses)
    choice = chat.tool_choice
    if choice in {Choice.REQUIRED, Choice.NAMED}:
        losses.append(Loss("tool_choice", "a model that thinks can't be made to call a tool"))
        choice = Choice.AUTO
    return msgspec.structs.replace(
        chat, temperature=temperature, top_p=top_p, top_k=top_k, tool_choice=choice
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
    if chat.reasoning_tokens is not None:
        losses.append(Loss("reasoning_tokens", "this model has no budget for thoughts"))
    if chat.effort is not None:
        if "openai.gpt" in chat.model:
            found["reasoning_effort"] = chat.effort.value
        else:
            losses.append(Loss("effort", "this model takes no word for how long to think"))
    return found


def _tools(chat: Chat, losses: list[Loss]) -> Json | None:
    if not chat.tools:
        return None
    if chat.tool_choice is Choice.NONE:
        if not any(isinstance(part, ToolCall | ToolResult) for one in chat.messages for part in one.parts):
            return None  # what it doesn't know it doesn't call
        losses.append(Loss("tool_choice", "Bedrock can't forbid tools in a conversation that has calls"))
    if chat.parallel_tool_calls is False:
        losses.append(Loss("parallel_tool_calls", "Bedrock's Converse can't forbid several calls at once"))
    specs = []
    for tool in chat.tools:
        schema = msgspec.Raw(tool.schema.encode()) if tool.schema else _NO_ARGUMENTS
        spec: Json = {"name": tool.name, "inputSchema": {"json": schema}}
        if tool.description:
            spec["description"] = tool.description
        if tool.strict:
            spec["strict"] = True
        specs.append({"toolSpec": spec})
    config: Json = {"tools": specs}
    match chat.tool_choice:
        case Choice.REQUIRED:
            config["toolChoice"] = {"any": {}}
        case Choice.NAMED:
            config["toolChoice"] = {"tool": {"name": chat.tool_name}}
        case _:
            pass  # it is the model's choice anyway
    return config


# ── the conversation ────────────────────────────────────────────────────────


def _late_instructions(chat: Chat, losses: list[Loss]) -> list[str]:
    found = []
    for message in chat.messages:
        if message.role is Role.SYSTEM:
            path = message.path or "messages"
            losses.append(Loss(path, "with Bedrock instructions stand before the conversation"))
            found += [part.text for part in message.parts if isinstance(part, Text)]
    return found


def _messages(chat: Chat, losses: list[Loss]) -> list[Json]:
    """Return turns that alternate, without those that say nothing."""
    turns: list[tuple[Role, list[Json]]] = []
    for message in chat.messages:
        blocks = [] if message.role is Role.SYSTEM else _blocks(message, losses)
        if not blocks:
            continue
        if turns and turns[-1][0] is message.role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message.role, blocks))
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _blocks(message: Message, losses: list[Loss]) -> list[Json]:
    found = []
    for part in message.parts:
        if isinstance(part, Media) and message.role is not Role.USER:
            losses.append(Loss(part.path or "messages", "with Bedrock only a user shows something"))
            continue
        block = _block(part, losses)
        if block is not None:
            found.append(block)
    return found


def _block(part: Part, losses: list[Loss]) -> Json | None:
    match part:
        case Text() | Refusal():
            return {"text": part.text} if part.text.strip() else None
        case Media():
            return _media(part, losses)
        case ToolCall():
            return {"toolUse": _call(part, losses)}
        case ToolResult():
            return {"toolResult": _result(part, losses)}
        case _:
            return _thought(part, losses)


def _call(part: ToolCall, losses: list[Loss]) -> Json:
    arguments = part.arguments or "{}"
    try:
        _object.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        losses.append(Loss(part.path or "messages", "its arguments are not a JSON object"))
        arguments = _encode({"arguments": arguments}).decode()
    return {"toolUseId": _id(part.id), "name": part.name, "input": msgspec.Raw(arguments.encode())}


def _result(part: ToolResult, losses: list[Loss]) -> Json:
    shown = [_block(one, losses) for one in part.parts]
    found: Json = {"toolUseId": _id(part.call_id), "content": [one for one in shown if one is not None]}
    if part.failed:
        found["status"] = "error"
    return found


def _thought(part: Reasoning, losses: list[Loss]) -> Json | None:
    if part.signature:
        return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}
    if part.sealed:
        return {"reasoningContent": {"redactedContent": part.sealed}}
    losses.append(Loss(part.path or "messages", "Bedrock takes back only thoughts that are signed"))
    return None


def _media(part: Media, losses: list[Loss]) -> Json | None:
    path = part.path or "messages"
    kind = part.mime_type.partition(";")[0].strip().lower()
    image, document = _IMAGES.get(kind), _DOCUMENTS.get(kind)
    if image is None and document is None:
        losses.append(
            Loss(path, f"Bedrock's Converse takes no {part.mime_type or 'file of an unknown kind'}")
        )
        return None
    if part.url and not part.url.startswith(_S3):
        losses.append(Loss(path, "Bedrock fetches nothing from the web; send its bytes"))
        return None
    source: Json = {"s3Location": {"uri": part.url}} if part.url else {"bytes": part.data}
    if image is not None:
        return {"image": {"format": image, "source": source}}
    name = _NOT_IN_NAME.sub(" ", part.name).strip() or "document"
    return {"document": {"format": document, "name": name, "source": source}}


def _id(text: str) -> str:
    """Return an id as Bedrock takes it: what is too long keeps its end, which differs."""
    return _NOT_IN_ID.sub("_", text)[-_LONGEST_ID:]
