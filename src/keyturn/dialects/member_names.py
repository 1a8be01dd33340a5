"""What the settings of a ``Chat`` are called where the client wrote them, so that an error names what it can find."""

from collections.abc import Mapping

_CHAT = {
    "max_output_tokens": "max_completion_tokens",
    "format": "response_format",
    "schema": "response_format.json_schema.schema",
    "schema_name": "response_format.json_schema.name",
    "schema_description": "response_format.json_schema.description",
    "schema_strict": "response_format.json_schema.strict",
    "tool_name": "tool_choice",
    "effort": "reasoning_effort",
    "stream_usage": "stream_options.include_usage",
}
_RESPONSES = {
    "messages": "input",
    "format": "text.format",
    "schema": "text.format.schema",
    "schema_name": "text.format.name",
    "schema_description": "text.format.description",
    "schema_strict": "text.format.strict",
    "tool_name": "tool_choice",
    "effort": "reasoning.effort",
    "show_reasoning": "reasoning.summary",
}
_ANTHROPIC = {
    "instructions": "system",
    "max_output_tokens": "max_tokens",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "format": "output_config.format",
    "schema": "output_config.format.schema",
    "tool_name": "tool_choice.name",
    "stop": "stop_sequences",
    "effort": "output_config.effort",
    "reasoning_tokens": "thinking.budget_tokens",
    "show_reasoning": "thinking",
    "user": "metadata.user_id",
}
_GEMINI = {
    "instructions": "systemInstruction",
    "messages": "contents",
    "tool_choice": "toolConfig.functionCallingConfig.mode",
    "tool_name": "toolConfig.functionCallingConfig.allowedFunctionNames",
    "format": "generationConfig.responseMimeType",
    "schema": "generationConfig.responseJsonSchema",
    "max_output_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "presence_penalty": "generationConfig.presencePenalty",
    "seed": "generationConfig.seed",
    "stop": "generationConfig.stopSequences",
    "effort": "generationConfig.thinkingConfig.thinkingLevel",
    "reasoning_tokens": "generationConfig.thinkingConfig.thinkingBudget",
    "show_reasoning": "generationConfig.thinkingConfig.includeThoughts",
}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "openai_chat": _CHAT,
    "openai_responses": _RESPONSES,
    "anthropic_messages": _ANTHROPIC,
    "gemini": _GEMINI,
}

_ELSEWHERE: Mapping[str, str] = {}
"""Embeddings: each path of theirs is the client's own."""


def member_name(codec: str, path: str) -> str:
    """Return a loss's path as the client wrote it; the path of a part or of an unknown member is that already."""
    return _NAMES.get(codec, _ELSEWHERE).get(path, path)
