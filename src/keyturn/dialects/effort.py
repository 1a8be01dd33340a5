"""How long a model may think: in words with some providers, in tokens with others.

| effort  | tokens of thought |
|---------|-------------------|
| minimal | 1,024             |
| low     | 2,048             |
| medium  | 8,192             |
| high    | 24,576            |
| xhigh   | 32,768            |

1,024 is the least that Anthropic takes; 8,192 and 24,576 are what Google makes of ``medium`` and ``high`` in its own
translation of OpenAI's dialect; beyond 32,768 Anthropic advises against waiting for the answer.

Source: https://ai.google.dev/gemini-api/docs/openai ("Thinking"),
https://platform.claude.com/docs/en/build-with-claude/extended-thinking ("Working with thinking budgets").
"""

from keyturn.dialects.canonical import Effort

BUDGETS: dict[Effort, int] = {
    Effort.NONE: 0,
    Effort.MINIMAL: 1_024,
    Effort.LOW: 2_048,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 24_576,
    Effort.HIGHEST: 32_768,
}
"""In rising order."""
WORDS: dict[str, Effort] = {effort.value: effort for effort in Effort} | {"max": Effort.HIGHEST}
"""As clients say them; ``max`` is what some call the highest."""
_COMMON = {Effort.MINIMAL: Effort.LOW, Effort.HIGHEST: Effort.HIGH}


def effort_for(tokens: int) -> Effort:
    """Return the least effort that may use that many tokens of thought; the highest, when there is none."""
    for effort, budget in BUDGETS.items():
        if tokens <= budget:
            return effort
    return Effort.HIGHEST


def common_effort_for(tokens: int) -> Effort:
    """Return the same in one of the words that every model that thinks knows: ``low``, ``medium`` and ``high``."""
    effort = effort_for(tokens)
    return _COMMON.get(effort, effort)
