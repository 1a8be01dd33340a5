"""Moderations."""

from openai_schema import problems
from support.demo_answers import post, value


def test_a_text_is_of_the_category_it_names() -> None:
    """Tests of filters need texts that are flagged."""
    reply = post("/v1/moderations", input=["Some VIOLENCE!", "peace", "self-harm"])

    answer = value(reply)
    assert [one["flagged"] for one in answer["results"]] == [True, False, True]
    assert [name for name, is_so in answer["results"][0]["categories"].items() if is_so] == ["violence"]
    assert problems(answer, "CreateModerationResponse") == []
    assert reply.served is not None
    assert reply.served.input_tokens == 3 + 1 + 3


def test_a_text_with_an_image_is_judged_once() -> None:
    """Parts are one input."""
    parts = [{"type": "text", "text": "hate"}, {"type": "image_url", "image_url": {"url": "data:,"}}]

    (only,) = value(post("/v1/moderations", input=parts))["results"]

    assert only["flagged"]
    assert only["category_applied_input_types"]["violence"] == ["text", "image"]
    assert only["category_applied_input_types"]["hate"] == ["text"]
