"""The errors that documentation promises, exact, and the error handling that is copied out of it.

S0 and S1 are two of the four pages that ``test_seeds`` speaks of; each constant is one of their examples.
"""

import json
from pathlib import Path
from typing import Any

from support.examples import adapt, needs_node_js, run_javascript
from support.node import Node

# ── S0 ──────────────────────────────────────────────────────────────────────

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
