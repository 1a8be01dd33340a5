"""What Anthropic and Bedrock ask alike."""

import msgspec
import pytest

from keyturn.dialects.canonical import Chat, Loss, Role, Text, Tool, ToolCall
from keyturn.dialects.conversation import (
    Turn,
    arguments_of,
    note_that_nobody_speaks,
    put_results_first,
    says_something,
    schema_of,
    take_turn,
    words_of,
    write_id,
)


def test_turns_alternate_and_say_something() -> None:
    """Both providers refuse what doesn't."""
    turns: list[Turn[str]] = []

    for role, blocks in (
        (Role.USER, ["a"]),
        (Role.ASSISTANT, []),
        (Role.USER, ["b"]),
        (Role.ASSISTANT, ["c"]),
    ):
        take_turn(turns, Turn(role, list(blocks)))

    assert turns == [Turn(Role.USER, ["a", "b"]), Turn(Role.ASSISTANT, ["c"])]


@pytest.mark.parametrize(
    ("role", "blocks"), [(Role.USER, ["=1", "=2", "a", "b"]), (Role.ASSISTANT, ["a", "=1", "b", "=2"])]
)
def test_results_come_first_in_a_users_turn(role: Role, blocks: list[str]) -> None:
    """And keep their order."""
    turn = Turn(role, ["a", "=1", "b", "=2"])

    put_results_first(turn, lambda block: block.startswith("="))

    assert turn.blocks == blocks


def test_white_space_is_no_word() -> None:
    """A block of it is refused."""
    assert [says_something(text) for text in ("", " \n", " a ")] == [False, False, True]
    assert words_of((Text("a"), Text("\t"), Text(" b"))) == ["a", " b"]


def test_ids_have_few_characters() -> None:
    """Of which two that belong together get the same."""
    assert write_id("call|ä.1-2_3") == "call___1-2_3"


@pytest.mark.parametrize(
    ("arguments", "written", "noted"),
    [
        ("", "{}", False),
        ("{}", "{}", False),
        ('{"a": 1.50}', '{"a": 1.50}', False),
        ("[1]", '{"arguments":"[1]"}', True),
        ("[" * 100_000, '{"arguments":"' + "[" * 100_000 + '"}', True),
    ],
)
def test_arguments_are_an_object(arguments: str, written: str, noted: bool) -> None:  # noqa: FBT001 -- a parameter
    """And stay as the model wrote them."""
    losses: list[Loss] = []

    assert bytes(arguments_of(ToolCall("c", "f", arguments), losses)).decode() == written
    assert [loss.path for loss in losses] == ["messages"] * noted


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ("", '{"type":"object","properties":{}}'),
        ('{"type":"object"}', '{"type":"object"}'),
        (' {"properties":{}} ', '{"type":"object","properties":{}}'),
        ("{}", '{"type":"object"}'),
        ("7", '{"type":"object","properties":{}}'),
    ],
)
def test_a_schema_says_that_arguments_are_an_object(schema: str, written: str) -> None:
    """Which OpenAI's clients may leave out."""
    losses: list[Loss] = []

    raw = schema_of(Tool("f", schema=schema), losses)

    assert msgspec.json.decode(raw) == msgspec.json.decode(written)
    assert [loss.path for loss in losses] == (["tools"] if schema == "7" else [])


def test_that_nobody_speaks_is_a_minor_loss() -> None:
    """The words are the same; what the system says in mid-conversation has been noted already."""
    losses: list[Loss] = []

    note_that_nobody_speaks(Chat(model="m"), losses)
    note_that_nobody_speaks(Chat(model="m", instructions=(Text("a"),)), losses)
    note_that_nobody_speaks(Chat(model="m", instructions=(Text("a", "messages[0]"),)), losses)

    assert [(loss.path, loss.minor) for loss in losses] == [("instructions", True), ("messages[0]", True)]
