"""Conversations to begin a chat with, typed as the OpenAI SDK wants them."""

from openai.types.chat import ChatCompletionMessageParam


def user(content: str) -> list[ChatCompletionMessageParam]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": content}]


HELLO = user("hello big world")
