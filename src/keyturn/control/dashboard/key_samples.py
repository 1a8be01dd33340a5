"""How a key is used, in the words of whoever is to use it: with the real address and the real key."""

import json
import shlex
from collections.abc import Iterable

import msgspec

from keyturn.domain.env_lines import BadValueError, Shell, line
from keyturn.domain.key_text import Kind
from keyturn.domain.restrictions import allows_name
from keyturn.store.keys import StoredKey

KEY_VARIABLE, URL_VARIABLE = "OPENAI_API_KEY", "OPENAI_BASE_URL"
HOLD_IN = "Programs read OPENAI_API_KEY and OPENAI_BASE_URL by themselves. "
_ANY_MODEL = "MODEL"
_CHATS = ("demo-chat", "gpt-", "claude-", "gemini-")
"""How the names of models begin that a first sample is best made with."""
_NO_CHAT = ("embed", "image", "dall", "tts", "whisper", "transcribe", "moderation", "rerank", "realtime")

Sample = tuple[str, str, str]
"""A title, the text, and what to know about it."""


class Use(msgspec.Struct, frozen=True):
    """What a sample is about."""

    origin: str
    """Scheme, host and port, as clients reach the node."""
    secret: str
    kind: Kind
    model: str


def model_for(key: StoredKey, names: Iterable[str]) -> str:
    """Return a model that a key may use, one that chats if there is any.

    Args:
        key: Whose.
        names: Of all models.
    """
    return usual_model(names, tuple(key.models.split()))


def usual_model(names: Iterable[str], allowed: tuple[str, ...] = ()) -> str:
    """Return a model to try out, of those that are allowed; none are listed: all are."""
    known = [name for name in sorted(names) if "*" not in name and allows_name(allowed, name)]
    plain = [name for name in allowed if "*" not in name]
    chats = [name for name in known if not any(word in name.lower() for word in _NO_CHAT)]
    chats.sort(key=lambda name: not name.startswith(_CHATS))
    return next(iter([*chats, *known, *plain]), _ANY_MODEL)


def samples(use: Use) -> list[Sample]:
    """Return how to use a key, in each language."""
    if use.kind is Kind.MANAGEMENT:
        return _managing(use)
    programs = [("curl", _curl(use), ""), ("Python", _python(use), "pip install openai")]
    programs.append(("JavaScript", _javascript(use), _JAVASCRIPT[use.kind]))
    return programs + _variables(use)


_JAVASCRIPT = {
    Kind.SECRET: "npm install openai",
    Kind.PUBLISHABLE: "Runs in pages of the key's origins; nothing to install.",
}


def _curl(use: Use) -> str:
    body = {"model": use.model, "messages": [{"role": "user", "content": "Hello"}]}
    return (
        f"curl {shlex.quote(f'{use.origin}/v1/chat/completions')} \\\n"
        f"  -H {shlex.quote(f'Authorization: Bearer {use.secret}')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body))}"
    )


def _python(use: Use) -> str:
    return f"""from openai import OpenAI

client = OpenAI(
    api_key={json.dumps(use.secret)},
    base_url={json.dumps(f"{use.origin}/v1")},
)
answer = client.chat.completions.create(
    model={json.dumps(use.model)},
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""


def _javascript(use: Use) -> str:
    if use.kind is Kind.PUBLISHABLE:
        return f"""const answer = await fetch({json.dumps(f"{use.origin}/v1/chat/completions")}, {{
  method: "POST",
  headers: {{
    "Authorization": {json.dumps(f"Bearer {use.secret}")},
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    model: {json.dumps(use.model)},
    messages: [{{ role: "user", content: "Hello" }}],
  }}),
}});
console.log((await answer.json()).choices[0].message.content);"""
    return f"""import OpenAI from "openai";

const client = new OpenAI({{
  apiKey: {json.dumps(use.secret)},
  baseURL: {json.dumps(f"{use.origin}/v1")},
}});
const answer = await client.chat.completions.create({{
  model: {json.dumps(use.model)},
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);"""


def _managing(use: Use) -> list[Sample]:
    url = f"{use.origin}/api/v1/keys"
    bearer = f"Authorization: Bearer {use.secret}"
    python = f"""import httpx

answer = httpx.get(
    {json.dumps(url)},
    headers={{"Authorization": {json.dumps(f"Bearer {use.secret}")}}},
)
print(answer.json())"""
    return [
        ("curl", f"curl {shlex.quote(url)} \\\n  -H {shlex.quote(bearer)}", ""),
        ("Python", python, "pip install httpx"),
        *_variables(use, {"KEYTURN_API_KEY": use.secret, "KEYTURN_URL": use.origin}, ""),
    ]


def _variables(use: Use, values: dict[str, str] | None = None, caption: str = HOLD_IN) -> list[Sample]:
    values = values or {KEY_VARIABLE: use.secret, URL_VARIABLE: f"{use.origin}/v1"}
    dotenv = "Add .env to .gitignore before you write this file, so that the key is never committed."
    found = []
    for title, shell, more in (
        ("bash", Shell.BASH, ""),
        ("cmd", Shell.CMD, ""),
        ("PowerShell", Shell.POWERSHELL, ""),
        (".env", Shell.DOTENV, dotenv),
    ):
        try:
            text = "\n".join(line(shell, name, value) for name, value in values.items())
        except BadValueError as error:
            text = f"# {error}"
        found.append((title, text, (more or caption).strip()))
    return found
