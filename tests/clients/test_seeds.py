"""The examples people copy out of documentation, as they are written there: only host, port and key are put in.

S0 to S3 are the four pages that Keyturn was asked to make true; each constant is one of their examples.
``requests`` is played by httpx, which has the same ``post(url, headers=, json=)`` and ``Response.json()``.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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

S0_UNAUTHORIZED = """\
{
  "error": {
    "message": "Invalid authentication credentials",
    "type": "invalid_request_error",
    "code": "invalid_api_key"
  }
}
"""

S0_FORBIDDEN = """\
{
  "error": {
    "message": "You do not have access to this resource",
    "type": "permission_error",
    "code": "insufficient_permissions"
  }
}
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

S1_ERROR_HANDLING = """\
async function makeAPIRequest(endpoint, data) {
  try {
    const response = await fetch(`https://api.example.com/v1/${endpoint}`, {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${process.env.API_KEY}`,
        'Content-Type': 'application/json'
      },
      body: JSON.stringify(data)
    });

    if (!response.ok) {
      const error = await response.json();

      switch (response.status) {
        case 401:
          throw new Error('Invalid API key. Please check your credentials.');
        case 403:
          throw new Error('Access denied. Check your API key permissions.');
        case 429:
          throw new Error('Rate limit exceeded. Please try again later.');
        default:
          throw new Error(`API Error: ${error.error.message}`);
      }
    }

    return await response.json();
  } catch (error) {
    console.error('API request failed:', error.message);
    throw error;
  }
}
"""

S1_INVALID = """\
{
  "success": false,
  "error": {
    "code": "INVALID_API_KEY",
    "message": "The provided API key is invalid",
    "details": {
      "key_id": "key_1234567890"
    }
  }
}
"""

S1_EXPIRED = """\
{
  "success": false,
  "error": {
    "code": "EXPIRED_API_KEY",
    "message": "The API key has expired",
    "details": {
      "expired_at": "2024-01-01T00:00:00Z"
    }
  }
}
"""

S1_MISSING = """\
{
  "success": false,
  "error": {
    "code": "MISSING_API_KEY",
    "message": "API key is required",
    "details": {
      "header": "Authorization"
    }
  }
}
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

HOSTS = (
    "https://gptproto.com",
    "https://api.example.com",
    "https://api.openai.com",
    "http://localhost:8080",
)
KEYS = ("YOUR_API_KEY", "your-api-key-here", "sk-xxxxxx")
MESSAGES = '[{"role": "user", "content": "Hello"}]'

needs_node_js = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


def adapt(example: str, node: Node, key: str) -> str:
    """Put this node and this key into an example."""
    for host in HOSTS:
        example = example.replace(host, node.url)
    for placeholder in KEYS:
        example = example.replace(placeholder, key)
    return example.replace("[...]", MESSAGES)


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in ``folder``, with these variables in its environment."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def run_python(folder: Path, code: str, **variables: str) -> str:
    """Run a Python example where ``import requests`` finds httpx; returns what it printed."""
    (folder / "requests.py").write_text("from httpx import post as post\n")
    (folder / "example.py").write_text(code)
    ran = run(folder, sys.executable, "example.py", **variables)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def run_javascript(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a JavaScript example as a module, where ``await`` may stand anywhere."""
    (folder / "example.mjs").write_text(code)
    return run(folder, "node", "example.mjs", **variables)


def run_curl(folder: Path, example: str) -> Any:
    """Run a curl example in a shell; returns the JSON it printed."""
    ran = run(folder, "sh", "-c", example)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


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


@needs_node_js
def test_the_javascript_error_handling_works(node: Node, tmp_path: Path) -> None:
    """S1's goes by status and reads ``error.error.message``; each branch says what its page promises."""
    _, writer = node.new_key("writer of the seeds", permissions=["write"])
    code = adapt(S1_ERROR_HANDLING, node, node.key)
    call = "\nconsole.log((await makeAPIRequest('generate', {prompt: 'Hello, world!', model: '%s'})).text);\n"

    served = run_javascript(tmp_path, code + call % "gpt-4", API_KEY=node.key)
    refused = run_javascript(tmp_path, code + call % "gpt-4", API_KEY=node.key[:-1])
    denied = run_javascript(tmp_path, code + call % "gpt-4", API_KEY=writer)
    limited = run_javascript(tmp_path, code + call % "demo-429", API_KEY=node.key)
    wrong = run_javascript(tmp_path, code + call % "gpt-4o-mini", API_KEY=node.key)

    assert "You sent 2 words about world." in served.stdout
    assert "Invalid API key. Please check your credentials." in refused.stderr
    assert "Access denied. Check your API key permissions." in denied.stderr
    assert "Rate limit exceeded. Please try again later." in limited.stderr
    assert "API Error: The model 'gpt-4o-mini' does not exist" in wrong.stderr


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


# ── errors ──────────────────────────────────────────────────────────────────


def test_the_errors_of_s0_are_exact(node: Node) -> None:
    """With the ``param`` that OpenAI's schema requires beside them."""
    _, writer = node.new_key("writer of S0", permissions=["write"])
    unauthorized, forbidden = json.loads(S0_UNAUTHORIZED), json.loads(S0_FORBIDDEN)

    missing = node.send("POST", "/v1/chat/completions", json={"model": "gpt-4o"})
    invalid = node.chat(key="YOUR_API_KEY")
    denied = node.chat(key=writer)

    for answer in (missing, invalid):
        assert answer.status_code == 401
        assert answer.json() == {"error": {**unauthorized["error"], "param": None}}
    assert denied.status_code == 403
    assert denied.json() == {"error": {**forbidden["error"], "param": None}}


def test_the_errors_of_s1_are_exact(node: Node) -> None:
    """What a value stands for may differ, its place and its form do not; more details may stand beside it."""
    expired_id, expired = node.new_key("expired of S1", expires_in_s=60)
    node.manage("PATCH", f"/api/v1/keys/{expired_id}", body={"expires_at": "2024-01-01T00:00:00Z"})

    def generate(key: str | None) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        body = {"prompt": "Hello, world!", "model": "gpt-4"}
        answer = node.send("POST", "/v1/generate", headers=headers, json=body)
        assert answer.status_code == 401
        return answer.json()

    def match(found: Any, expected: Any) -> None:
        assert found["success"] == expected["success"]
        for member in ("code", "message"):
            assert found["error"][member] == expected["error"][member]
        assert set(expected["error"]["details"]) <= set(found["error"]["details"])

    invalid, expiry, missing = generate("sk-wrong"), generate(expired), generate(None)

    match(invalid, json.loads(S1_INVALID))
    assert invalid["error"]["details"]["key_id"].startswith("key_")
    match(expiry, json.loads(S1_EXPIRED))
    assert expiry["error"]["details"]["expired_at"] == "2024-01-01T00:00:00Z"
    assert missing == json.loads(S1_MISSING)
