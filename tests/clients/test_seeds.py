"""The examples people copy out of documentation, as they are written there: only host, port and key are put in.

S0 to S3 are the four pages that Keyturn was asked to make true; each constant is one of their examples.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from support.examples import adapt, needs_node_js, run_curl, run_javascript, run_python
from support.node import Node

# ── S0 ──────────────────────────────────────────────────────────────────────

S0_CURL = """\
curl https://gptproto.com/v1/chat/completions \\
  -H "Authorization: YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Hello"}]
  }'
"""

S0_EXPORT = """\
export GPTPROTO_API_KEY="your-api-key-here"
"""

S0_DOTENV = """\
# Install python-dotenv: pip install python-dotenv
from dotenv import load_dotenv
import os

load_dotenv()
api_key = os.getenv("GPTPROTO_API_KEY")
"""

# ── S1 ──────────────────────────────────────────────────────────────────────

S1_CURL = """\
curl -X POST https://api.example.com/v1/generate \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "prompt": "Hello, world!",
    "model": "gpt-4"
  }'
"""

S1_FETCH = """\
const response = await fetch('https://api.example.com/v1/generate', {
  method: 'POST',
  headers: {
    'Authorization': 'Bearer YOUR_API_KEY',
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    prompt: 'Hello, world!',
    model: 'gpt-4'
  })
});
"""

S1_REQUESTS = """\
import requests

response = requests.post(
    'https://api.example.com/v1/generate',
    headers={
        'Authorization': 'Bearer YOUR_API_KEY',
        'Content-Type': 'application/json'
    },
    json={
        'prompt': 'Hello, world!',
        'model': 'gpt-4'
    }
)
"""

S1_EXPORT = """\
export API_KEY="your-api-key-here"
"""

S1_FETCH_FROM_ENVIRONMENT = """\
const apiKey = process.env.API_KEY;

const response = await fetch('https://api.example.com/v1/generate', {
  method: 'POST',
  headers: {
    'Authorization': `Bearer ${apiKey}`,
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    prompt: 'Hello, world!',
    model: 'gpt-4'
  })
});
"""

S1_REQUESTS_FROM_ENVIRONMENT = """\
import os
import requests

api_key = os.environ.get('API_KEY')

response = requests.post(
    'https://api.example.com/v1/generate',
    headers={
        'Authorization': f'Bearer {api_key}',
        'Content-Type': 'application/json'
    },
    json={
        'prompt': 'Hello, world!',
        'model': 'gpt-4'
    }
)
"""

# ── S2 ──────────────────────────────────────────────────────────────────────

S2_REQUESTS = """\
import requests
import os
# Fetch API Key from environment variables
api_key = os.getenv('GPT_API_KEY')
# Set the endpoint
url = "https://api.openai.com/v1/engines/davinci-codex/completions"
# Set the request headers
headers = {
"Authorization": f"Bearer {api_key}",
"Content-Type": "application/json"
}
# Set your desired parameters
data = {
"prompt": "What is the future of AI?",
"max_tokens": 100
}
# Make the request
response = requests.post(url, headers=headers, json=data)
# Print the result
print(response.json())
"""

# ── S3: its messages are elided, "[...]" ────────────────────────────────────

S3_BEARER = """\
curl http://localhost:8080/v1/chat/completions \\
  -H "Authorization: Bearer sk-xxxxxx" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "gpt-4", "messages": [...]}'
"""

S3_HEADER = """\
curl http://localhost:8080/v1/chat/completions \\
  -H "X-API-Key: sk-xxxxxx" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "gpt-4", "messages": [...]}'
"""

S3_URL = """\
curl "http://localhost:8080/v1/chat/completions?api_key=sk-xxxxxx" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "gpt-4", "messages": [...]}'
"""

S3_SDK = """\
from openai import OpenAI

client = OpenAI(
    api_key="sk-xxxxxx",
    base_url="http://localhost:8080/v1"
)
"""


def assert_generated(answer: Any) -> None:
    """See that a native answer is one to "Hello, world!"."""
    assert answer["success"] is True
    assert "You sent 2 words about world." in answer["text"]
    assert answer["usage"]["input_tokens"] > 0


# ── calls ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "example", [S0_CURL, S3_BEARER, S3_HEADER, S3_URL], ids=["S0", "S3-1", "S3-2", "S3-3"]
)
def test_the_curl_examples_get_a_chat_completion(node: Node, tmp_path: Path, example: str) -> None:
    """The first thing anybody tries: S0's without "Bearer", S3's three methods."""
    answer = run_curl(tmp_path, adapt(example, node, node.key))

    assert answer["object"] == "chat.completion"
    assert "You sent one word." in answer["choices"][0]["message"]["content"]


def test_the_native_curl_example_generates(node: Node, tmp_path: Path) -> None:
    """S1's own route, a prompt in and a text out."""
    assert_generated(run_curl(tmp_path, adapt(S1_CURL, node, node.key)))


def test_the_python_examples_generate(node: Node, tmp_path: Path) -> None:
    """S1's, with the key in the code and with the key from the environment."""
    show = "\nimport json\nprint(json.dumps(response.json()))\n"

    literal = run_python(tmp_path, adapt(S1_REQUESTS, node, node.key) + show)
    from_environment = run_python(
        tmp_path, adapt(S1_REQUESTS_FROM_ENVIRONMENT, node, node.key) + show, API_KEY=node.key
    )

    assert_generated(json.loads(literal))
    assert_generated(json.loads(from_environment))


@needs_node_js
def test_the_javascript_examples_generate(node: Node, tmp_path: Path) -> None:
    """S1's, with the key in the code and with the key from the environment."""
    show = "\nconsole.log(JSON.stringify(await response.json()));\n"

    literal = run_javascript(tmp_path, adapt(S1_FETCH, node, node.key) + show)
    from_environment = run_javascript(
        tmp_path, adapt(S1_FETCH_FROM_ENVIRONMENT, node, node.key) + show, API_KEY=node.key
    )

    assert_generated(json.loads(literal.stdout))
    assert_generated(json.loads(from_environment.stdout))


def test_the_engines_example_gets_a_completion(node: Node, tmp_path: Path) -> None:
    """S2's, as it was written for OpenAI's first API: the engine in the path is the model."""
    printed = run_python(tmp_path, adapt(S2_REQUESTS, node, node.key), GPT_API_KEY=node.key)

    assert "'object': 'text_completion'" in printed
    assert "You sent 6 words about" in printed


def test_the_sdk_example_gets_a_chat_completion(node: Node, tmp_path: Path) -> None:
    """S3's, with the one line its readers add."""
    call = """
answer = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)
"""

    printed = run_python(tmp_path, adapt(S3_SDK, node, node.key) + call)

    assert "You sent one word." in printed


# ── environment ─────────────────────────────────────────────────────────────


def test_the_dotenv_example_finds_the_key(node: Node, tmp_path: Path) -> None:
    """S0's, on the .env file that it speaks of; the key it loads is the one that works."""
    (tmp_path / ".env").write_text(f"GPTPROTO_API_KEY={node.key}\n")
    call = f"""
import requests
answer = requests.post(
    "{node.url}/v1/generate", headers={{"Authorization": f"Bearer {{api_key}}"}}, json={{"prompt": "x", "model": "gpt-4o"}}
)
print(answer.status_code)
"""

    assert run_python(tmp_path, S0_DOTENV + call) == "200\n"


@pytest.mark.parametrize(("example", "name"), [(S0_EXPORT, "GPTPROTO_API_KEY"), (S1_EXPORT, "API_KEY")])
def test_the_export_examples_make_the_key_usable(node: Node, tmp_path: Path, example: str, name: str) -> None:
    """A key needs no quoting: it has no letter that a shell would touch."""
    script = (
        adapt(example, node, node.key) + f'curl -s {node.url}/v1/models -H "Authorization: Bearer ${name}"'
    )

    assert run_curl(tmp_path, script)["object"] == "list"
