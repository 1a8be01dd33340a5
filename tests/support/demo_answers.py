"""Asks the demo upstream without a socket: requests of all its endpoints, chats by the codecs of its dialects."""

import json
from typing import Any

import pytest

from keyturn.demo.answers import Answers
from keyturn.demo.replies import Reply
from keyturn.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from keyturn.dialects.canonical import Answer, Chat, Media, Message, Part, Role, Text, Tool, ToolCall

CODECS: dict[str, Any] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini": gemini,
}
ANSWERS = Answers(created=1_700_000_000)
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
}
STREAMED = PATHS | {"gemini": "/v1beta/models/{model}:streamGenerateContent?alt=sse"}
PICTURE = Media("image/png", "iVBORw0KGgo=")
WEATHER = Tool("get_weather", "Tells it", '{"type":"object","properties":{"city":{"type":"string"}}}')
TIME = Tool("get-time", "Tells it", '{"type":"object","properties":{"zone":{"type":"string"}}}')

every_dialect = pytest.mark.parametrize("dialect", list(PATHS))


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message(Role.USER, parts)


def model(*parts: Part) -> Message:
    """Return the model's turn."""
    return Message(Role.ASSISTANT, parts)


def asking(text: str, **members: Any) -> Chat:
    """Return a chat of one message."""
    usual: dict[str, Any] = {
        "model": "demo-chat",
        "messages": (user(Text(text)),),
        "max_output_tokens": 4_000,
    }
    return Chat(**(usual | members))


def ask(dialect: str, chat: Chat, **members: object) -> Reply:
    """Ask in a dialect, with members of the demo's own."""
    if dialect == "anthropic_messages":
        written = anthropic_messages.write_request(chat, default_cap=4_000)
    else:
        written = CODECS[dialect].write_request(chat)
    body = json.dumps(json.loads(written.body) | members).encode()
    path = (STREAMED if chat.stream else PATHS)[dialect].format(model=chat.model)
    return ANSWERS.prepare(b"POST", path.encode(), body)


def told(dialect: str, chat: Chat, **members: object) -> Answer:
    """Return a whole answer as the dialect's codec reads it."""
    reply = ask(dialect, chat, **members)
    assert reply.head.startswith(b"HTTP/1.1 200 "), reply.pieces
    answer: Answer | None = CODECS[dialect].read_answer(reply.pieces[0])
    assert answer is not None
    return answer


def words(answer: Answer) -> str:
    """Return what an answer says."""
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


def calls(answer: Answer) -> list[tuple[str, Any]]:
    """Return what an answer calls, with which arguments."""
    return [(part.name, json.loads(part.arguments)) for part in answer.parts if isinstance(part, ToolCall)]


def post(path: str, body: dict[str, Any] | None = None, /, **members: object) -> Reply:
    """Answer a POST of JSON."""
    return ANSWERS.prepare(b"POST", path.encode(), json.dumps((body or {}) | members).encode())


def form(*files: tuple[str, bytes], **fields: str) -> bytes:
    """Return the body of a form."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    parts += [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--edge--\r\n"


def send(path: str, body: bytes) -> Reply:
    """Answer a POST of a form."""
    return ANSWERS.prepare(b"POST", path.encode(), body)


def value(reply: Reply) -> Any:
    """Return the JSON of a plain reply."""
    return json.loads(reply.pieces[0])


def status(reply: Reply) -> int:
    """Return a reply's status."""
    return int(reply.head.split(b" ", 2)[1])


def events(reply: Reply) -> list[Any]:
    """Return the JSON of a stream's events."""
    lines = [line for piece in reply.pieces for line in piece.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line[6:]) for line in lines]


def get(path: str, *, anthropic: bool = False) -> Reply:
    """Answer a GET."""
    return ANSWERS.prepare(b"GET", path.encode(), b"", anthropic_version=anthropic)
