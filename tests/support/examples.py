"""The examples people copy out of documentation: what makes them run against a node of the suite.

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
