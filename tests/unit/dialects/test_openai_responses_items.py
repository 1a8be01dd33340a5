"""The typed form of a request, and the shapes of the same."""

import msgspec
import pytest

from keyturn.dialects import openai_responses_items as items
from keyturn.dialects.strict_json import Members, Several, Typed


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "Hi"},
        {"type": "function_call", "call_id": "a", "name": "b", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "b"},
        {"type": "reasoning", "summary": [], "content": [], "encrypted_content": "a"},
        {"type": "image_generation_call", "result": "a"},
    ],
)
def test_an_item_has_a_place_with_its_own_members_only(item: dict[str, object]) -> None:
    """All types share one form while they are decoded, so that another's member would slip through."""
    other = {"arguments": "{}"} if item.get("type") != "function_call" else {"output": "a"}

    assert items.has_place(msgspec.convert(item, items.Item))
    assert not items.has_place(msgspec.convert(item | other, items.Item))


def test_an_item_of_an_unknown_type_has_no_place() -> None:
    """It is a loss."""
    assert not items.has_place(items.Item(type="item_reference"))


def test_every_member_of_the_shapes_is_typed() -> None:
    """What a shape lets through and the decoder doesn't know would be refused without a reason that helps."""
    shape = items.SHAPES["input"]
    assert isinstance(shape, Several)
    assert isinstance(shape.of, Typed)
    known = {name for kind in shape.of.kinds.values() for name in kind.known}

    assert known == set(items.Item.__struct_fields__)
    for name, one in items.SHAPES.items():
        assert name in items.Request.__struct_fields__
        assert isinstance(one, Members | Several | Typed)
