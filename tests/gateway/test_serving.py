"""The first things a user does."""

from support.node import Node


def test_a_request_with_the_printed_key_is_answered_by_the_model(node: Node) -> None:
    """This is what the product is for."""
    answer = node.chat("hello big world")

    assert answer.status_code == 200
    assert "3 words" in answer.json()["choices"][0]["message"]["content"]
    assert answer.headers["x-request-id"].startswith("req_")


def test_a_request_can_be_explained(node: Node) -> None:
    """Every answer carries the id under which its story is kept."""
    answer = node.chat()

    story = node.explain(answer.headers["x-request-id"])

    assert story["status"] == 200
    assert all(check["passed"] for check in story["checks"])
