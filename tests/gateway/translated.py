"""Clients and providers of each chat dialect, for tests of calls that are translated between them."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.messages import ENDED, MESSAGE, STARTED, word
from support.conversations import HELLO
from support.wire import CHAT, request

# ── clients ─────────────────────────────────────────────────────────────────


class Said(msgspec.Struct, frozen=True):
    """An error as a client reads it."""

    kind: object
    """The type, or Google's status."""
    code: object
    """Which of ours it is, or the provider's word; in lower case."""
    message: str


class Client(msgspec.Struct, frozen=True):
    """An application that speaks one dialect."""

    name: str
    path: str
    """With ``{model}`` and ``{verb}`` where the dialect has them in it."""
    body: dict[str, Any]
    in_path: bool
    """The model and whether to stream are said there."""
    read: Callable[[dict[str, Any]], Said]
    """Takes an error's document apart; raises where a member is missing."""
    text: Callable[[dict[str, Any]], str]
    """Returns the words in an event."""
    ends: bytes
    """Stands in the last event of a whole stream, and in no other."""
    events: bool
    """The types of events stand beside the data."""

    def ask(self, model: str, key: str, *, stream: bool) -> bytes:
        """Return the bytes of a request."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = self.path.format(model=model, verb=verb)
        body = self.body if self.in_path else self.body | {"model": model, "stream": stream}
        headers = ("content-type: application/json",)
        return request("POST", path, key=key, headers=headers, body=msgspec.json.encode(body))

    def documents(self, stream: bytes) -> list[dict[str, Any]]:
        """Take a stream apart; every event in it is whole."""
        found = []
        normal = stream.replace(b"\r\n", b"\n")
        assert not normal or normal.endswith(b"\n\n")
        for event in normal.split(b"\n\n")[:-1]:
            lines = dict(line.split(b": ", 1) for line in event.split(b"\n"))
            assert (b"event" in lines) == self.events
            if lines[b"data"] != b"[DONE]":
                document = msgspec.json.decode(lines[b"data"])
                assert not self.events or document["type"] == lines[b"event"].decode()
                found.append(document)
        return found

    def words(self, stream: bytes) -> str:
        """Return the text that a stream tells."""
        return "".join(self.text(one) for one in self.documents(stream))

    def errors(self, stream: bytes) -> list[Said]:
        """Return the errors in a stream; each is the last event, but for the failed response behind it."""
        documents = self.documents(stream)
        places = [place for place, one in enumerate(documents) if one.get("error")]
        behind = [one["type"] for place in places for one in documents[place + 1 :]]
        assert behind in ([], ["response.failed"])
        return [self.read(documents[place]) for place in places]


def _of_openai(document: dict[str, Any]) -> Said:
    error = document["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return Said(error["type"], error["code"], error["message"])


def _of_responses(document: dict[str, Any]) -> Said:
    if "sequence_number" in document:
        assert document["type"] == "error"
        assert (document["code"], document["message"]) == (
            document["error"]["code"],
            document["error"]["message"],
        )
    return _of_openai(document)


def _of_anthropic(document: dict[str, Any]) -> Said:
    error = document["error"]
    assert document["type"] == "error"
    code = error.get("details", {}).get("error_code", error["type"])
    return Said(error["type"], code, error["message"])


def _of_gemini(document: dict[str, Any]) -> Said:
    error = document["error"]
    assert isinstance(error["code"], int)
    reason = error.get("details", [{}])[0].get("reason", error["status"])
    return Said(error["status"], reason.lower(), error["message"])


def _chat_text(event: dict[str, Any]) -> str:
    return "".join(one["delta"].get("content") or "" for one in event.get("choices", ()))


def _responses_text(event: dict[str, Any]) -> str:
    return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""


def _anthropic_text(event: dict[str, Any]) -> str:
    return str(event["delta"]["text"]) if event["type"] == "content_block_delta" else ""


def _gemini_text(event: dict[str, Any]) -> str:
    parts = [part for one in event.get("candidates", ()) for part in one["content"]["parts"]]
    return "".join(part["text"] for part in parts)


_CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]

CLIENTS = (
    Client(
        "openai-chat", CHAT, {"messages": HELLO}, in_path=False,
        read=_of_openai, text=_chat_text, ends=b"[DONE]", events=False,
    ),
    Client(
        "openai-responses", "/v1/responses", {"input": "hello"}, in_path=False,
        read=_of_responses, text=_responses_text, ends=b"response.completed", events=True,
    ),
    Client(
        "anthropic", "/v1/messages", {"messages": HELLO, "max_tokens": 9}, in_path=False,
        read=_of_anthropic, text=_anthropic_text, ends=b"message_stop", events=True,
    ),
    Client(
        "gemini", "/v1beta/models/{model}:{verb}", {"contents": _CONTENTS}, in_path=True,
        read=_of_gemini, text=_gemini_text, ends=b'"finishReason"', events=False,
    ),
)  # fmt: skip

# ── providers ───────────────────────────────────────────────────────────────


class Provider(msgspec.Struct, frozen=True):
    """Who answers, in one dialect; the answer says "Good day"."""

    id: str
    client: str
    """The client whose calls pass to it as they are."""
    whole: bytes
    begin: bytes
    """Of a stream, up to "Good "."""
    end: bytes
    """The rest."""
    error: bytes
    """The body of an error; the message has the word BUSY in it."""
    failure: bytes
    """The same as an event in a stream."""


def _data(document: str) -> bytes:
    return f"data: {document}\n\n".encode()


def _event(kind: str, **members: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **members}))


def _delta(text: str) -> bytes:
    return _event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)


def _item(text: str = "") -> dict[str, object]:
    content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    status = "completed" if text else "in_progress"
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": content}


def _response(status: str, output: list[dict[str, object]], **usage: int) -> dict[str, object]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "m",
        "output": output,
        "usage": usage or None,
    }


_CHUNK = '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[%s]}'
_PIECE = '{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]}%s}],"modelVersion":"g","responseId":"r"%s}'
_ANTHROPIC_ERROR = b'{"type":"error","error":{"type":"overloaded_error","message":"BUSY"}}'
_OPENAI_ERROR = b'{"error":{"message":"BUSY","type":"server_error","code":"server_overloaded","param":null}}'
_GEMINI_ERROR = b'{"error":{"code":503,"message":"BUSY","status":"UNAVAILABLE"}}'
_GEMINI_USED = ',"usageMetadata":{"promptTokenCount":14,"candidatesTokenCount":3,"totalTokenCount":17}'

PROVIDERS = (
    Provider(
        "together",
        "openai-chat",
        whole=b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"Good day"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":14,"completion_tokens":3,"total_tokens":17}}',
        begin=_data(_CHUNK % '{"index":0,"delta":{"role":"assistant","content":"Good "}}'),
        end=_data(_CHUNK % '{"index":0,"delta":{"content":"day"}}')
        + _data(_CHUNK % '{"index":0,"delta":{},"finish_reason":"stop"}')
        + _data('{"id":"c1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":4}}')
        + b"data: [DONE]\n\n",
        error=_OPENAI_ERROR,
        failure=b"data: " + _OPENAI_ERROR + b"\n\n",
    ),
    Provider(
        "perplexity",
        "openai-responses",
        whole=msgspec.json.encode(_response("completed", [_item("Good day")], input_tokens=14, output_tokens=3)),
        begin=_event("response.created", response=_response("in_progress", []))
        + _event("response.output_item.added", output_index=0, item=_item())
        + _event(
            "response.content_part.added",
            item_id="msg_1",
            output_index=0,
            content_index=0,
            part={"type": "output_text", "text": "", "annotations": []},
        )
        + _delta("Good "),
        end=_delta("day")
        + _event("response.output_item.done", output_index=0, item=_item("Good day"))
        + _event(
            "response.completed",
            response=_response("completed", [_item("Good day")], input_tokens=12, output_tokens=4),
        ),
        error=_OPENAI_ERROR,
        failure=_event("error", code="server_error", message="BUSY", param=None),
    ),
    Provider(
        "anthropic",
        "anthropic",
        whole=MESSAGE,
        begin=STARTED + word("Good "),
        end=word("day") + ENDED,
        error=_ANTHROPIC_ERROR,
        failure=b"event: error\ndata: " + _ANTHROPIC_ERROR + b"\n\n",
    ),
    Provider(
        "gemini",
        "gemini",
        whole=(_PIECE % ("Good day", ',"finishReason":"STOP"', _GEMINI_USED)).encode(),
        begin=_data(_PIECE % ("Good ", "", "")).replace(b"\n", b"\r\n"),
        end=_data(_PIECE % ("day", ',"finishReason":"STOP"', _GEMINI_USED.replace("14", "12").replace(":3", ":4"))),
        error=_GEMINI_ERROR,
        failure=b"data: " + _GEMINI_ERROR + b"\r\n\r\n",
    ),
)  # fmt: skip

PAIRS = [(client, provider) for client in CLIENTS for provider in PROVIDERS if client.name != provider.client]
"""Those whose calls are translated."""
RING = [(client, PROVIDERS[place - 2]) for place, client in enumerate(CLIENTS)]
"""Of these so many that each client and each provider is there once."""
