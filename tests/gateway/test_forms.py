"""Requests that are forms with files, through a node to a provider that does what a test says."""

from collections.abc import Iterator

import msgspec
import openai
import pytest

from fakes.origin import Origin, plain
from gateway.forms import EDITS, PNG, TRANSCRIPTIONS, content_type, field, file, form, post, wave
from gateway.media import LARGEST_BODY, ask, asked, body, images, media_node, story
from support.node import Node
from support.wire import Wire, request


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Origin]]:
    """A node with that provider."""
    with media_node(tmp_path_factory.mktemp("node")) as both:
        yield both


@pytest.fixture
def node(connected: tuple[Node, Origin]) -> Node:
    """The node."""
    return connected[0]


@pytest.fixture
def origin(connected: tuple[Node, Origin]) -> Origin:
    """The provider, with no memory of earlier tests."""
    connected[1].forget()
    return connected[1]


def test_a_form_reaches_the_provider_byte_for_byte_but_for_the_models_name(
    node: Node, origin: Origin
) -> None:
    """Files are the client's; only what the model is called differs."""
    parts = [file("image", PNG), field("prompt", "größer"), field("model", "{}"), field("n", "1")]
    sent = [part.replace(b"{}", b"painter") for part in parts]

    answer = ask(node, post(EDITS, node.key, *sent))

    (received,) = origin.received
    assert answer.status == 200
    assert received.line == "POST /v1/images/edits HTTP/1.1"
    assert received.values("content-type") == [content_type().partition(": ")[2]]
    assert received.body == form(*(part.replace(b"{}", b"dall-e") for part in parts))


def test_a_form_with_the_providers_own_name_is_not_touched(node: Node, origin: Origin) -> None:
    """Nothing has to change, so nothing does."""
    parts = [field("model", "whisper"), file("file", wave(1), "a.wav", "audio/wav")]

    ask(node, post(TRANSCRIPTIONS, node.key, *parts))

    assert origin.received[0].body == form(*parts)


def test_a_key_in_the_form_is_found_and_taken_out(node: Node, origin: Origin) -> None:
    """As in a JSON body: the provider must not see whose it is."""
    parts = [field("model", "dall-e"), file("image", PNG)]

    answer = ask(node, post(EDITS, "", parts[0], field("api_key", node.key), parts[1]))
    another = ask(node, post(EDITS, node.key, parts[0], field("api_key", "sk-other")))
    wrong = ask(node, post(EDITS, "", parts[0], field("api_key", "sk-wrong")))

    assert answer.status == 200
    assert origin.received[0].body == form(*parts)
    assert story(node, answer)["location"] == "body"
    assert (another.status, another.code) == (400, "multiple_credentials")
    assert (wrong.status, wrong.code) == (401, "invalid_api_key")
    assert len(origin.received) == 1


FORM, DALL_E = content_type(), field("model", "dall-e")
BAD_FORMS: dict[str, tuple[str, bytes, str | None, str]] = {
    "no model": (FORM, form(file("image", PNG)), "model", "You must provide a model parameter"),
    "two models": (FORM, form(DALL_E, field("model", "x")), "model", "twice"),
    "cut short": (FORM, form(DALL_E)[:-20], None, "cut short"),
    "bad stream": (FORM, form(DALL_E, field("stream", "maybe")), "stream", "true or false"),
    "other boundary": (content_type("other"), form(DALL_E), None, "boundary"),
    "no boundary": ("Content-Type: multipart/form-data", form(DALL_E), None, "boundary"),
    "other type": (
        "Content-Type: application/x-www-form-urlencoded",
        b"model=x",
        None,
        "multipart/form-data",
    ),
    "no type": ("Accept: */*", b"model=dall-e", None, "multipart/form-data"),
    "bad JSON": ("Content-Type: application/json", b"{", None, "not valid JSON"),
}


@pytest.mark.parametrize("case", BAD_FORMS)
def test_what_is_wrong_with_a_form_is_said_in_openais_dialect(node: Node, origin: Origin, case: str) -> None:
    """An SDK makes a ``BadRequestError`` of it, and a person finds the member."""
    header, sent, param, message = BAD_FORMS[case]

    answer = ask(node, request("POST", EDITS, key=node.key, headers=(header,), body=sent))

    error = answer.json()["error"]
    assert answer.status == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert message in error["message"]
    assert origin.received == []


def test_a_json_object_is_taken_where_a_form_is_usual(node: Node, origin: Origin) -> None:
    """OpenAI takes edits of images that it has already as JSON."""
    answer = asked(node, EDITS, model="painter", images=[{"file_id": "file-1"}], prompt="x")

    assert answer.status == 200
    assert msgspec.json.decode(origin.received[0].body)["model"] == "dall-e"


def test_a_form_that_is_too_large_is_refused(node: Node, origin: Origin) -> None:
    """Before it has been read."""
    answer = ask(node, post(EDITS, node.key, file("image", bytes(LARGEST_BODY)))[:2_000])

    assert (answer.status, answer.json()["error"]["type"]) == (413, "invalid_request_error")
    assert origin.received == []


def test_a_client_that_leaves_in_mid_upload_costs_nothing(node: Node, origin: Origin) -> None:
    """Nobody was asked."""
    key_id, key = node.new_key("leaver")
    with Wire(node.port) as wire:
        wire.send(post(EDITS, key, field("model", "dall-e"), file("image", bytes(100_000)))[:50_000], b"")
        wire.reset()

    ask(node, post(EDITS, key, field("model", "dall-e"), file("image", PNG)))

    rows = node.manage("GET", "/api/v1/usage?by=key")["data"]["rows"]
    assert [row["requests"] for row in rows if row["key_id"] == key_id] == [1]
    assert len(origin.received) == 1


def test_a_form_that_is_sent_again_is_answered_again(node: Node, origin: Origin) -> None:
    """Each time a client sends a form, it has another boundary."""
    parts = [field("model", "painter"), file("image", PNG)]
    once = ("Idempotency-Key: a-form",)
    origin.arrange(images(1))

    first = ask(node, post(EDITS, node.key, *parts, headers=once))
    again = ask(node, post(EDITS, node.key, *parts, headers=once, boundary="another"))
    other = ask(node, post(EDITS, node.key, parts[0], file("image", PNG + b"!"), headers=once))

    assert first.status == again.status == 200
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(origin.received) == 1


def test_the_official_sdk_sends_forms_that_are_understood(node: Node, origin: Origin) -> None:
    """What people use: files by path, by bytes, several of them."""
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0, timeout=20) as client:
        origin.arrange(images(2))
        edited = client.images.edit(
            model="painter", image=[("a.png", PNG), ("b.png", PNG)], prompt="größer", n=2
        )
        origin.arrange(plain(body(text="hello", usage={"type": "duration", "seconds": 3})))
        heard = client.audio.transcriptions.create(model="whisper", file=("a.wav", wave(3)))

    assert edited.data is not None
    assert len(edited.data) == 2
    assert heard.text == "hello"
    assert b"\r\n\r\ndall-e\r\n" in origin.received[0].body
    assert [one.line.split()[1] for one in origin.received] == [
        "/v1/images/edits",
        "/v1/audio/transcriptions",
    ]
