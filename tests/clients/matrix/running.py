"""Runs the cells of the matrix against one node, each once, and finds out what came of them."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients.matrix import anthropic_python, gemini_python, node_sdks, openai_python, samples
from clients.matrix.cells import (
    IMAGE_PREFIX,
    PREFIXES,
    UPSTREAMS,
    Cell,
    Check,
    Dialect,
    Outcome,
    Place,
    Refusal,
    Sdk,
)
from clients.matrix.node_sdks import Told
from support.node import Node, running, until

PYTHON = {sdk.name: sdk for sdk in (openai_python.SDK, anthropic_python.SDK, gemini_python.SDK)}
NODE = {f"{sdk.name} for Node": sdk for sdk in node_sdks.SDKS}
CHECKS: dict[str, Iterable[Check]] = {name: sdk.checks for name, sdk in PYTHON.items()} | {
    name: sdk.checks for name, sdk in NODE.items()
}
CELLS = [
    Cell(name, check, dialect) for name, checks in CHECKS.items() for check in checks for dialect in Dialect
]
"""All that can be tried."""

NOWHERE = 404
TRIES = 5
"""For a client to be met by the gateway before it leaves."""
FIGURES = ("input_tokens", "output_tokens", "images", "audio_ms", "characters")


class Matrix:
    """The cells and their outcomes."""

    def __init__(self, node: Node, folder: Path) -> None:
        """Take a node with the demo upstream, and a folder for what SDKs leave behind."""
        self._node, self._folder = node, folder
        self._outcomes: dict[Cell, Outcome | AssertionError] = {}
        self._told: dict[Cell, tuple[Told, str]] = {}
        for dialect, upstream in UPSTREAMS.items():
            for before in ("", IMAGE_PREFIX):
                name = f"{before}{PREFIXES[dialect]}*"
                body = {"name": name, "upstream": upstream, "upstream_model": "*"}
                node.manage("POST", "/api/v1/models", body=body)

    def outcome(self, cell: Cell) -> Outcome:
        """Return what came of a cell.

        Raises:
            AssertionError: It neither works, nor did the gateway refuse it.
        """
        if cell not in self._outcomes:
            try:
                self._outcomes[cell] = self._try(cell)
            except AssertionError as error:
                self._outcomes[cell] = error
        found = self._outcomes[cell]
        if isinstance(found, AssertionError):
            raise found
        return found

    def _try(self, cell: Cell) -> Outcome:
        if cell.sdk in NODE and not self._told:
            self._try_node()
        key_id, refusal = self._ask(cell)
        for _ in range(TRIES if cell.check is Check.TIME_OUT and refusal is None else 0):
            if self._was_read(key_id):
                break
            self._told.pop(cell, None)
            key_id, refusal = self._ask(cell)
        if refusal is None:
            self._see_charge(cell.check, key_id)
            return None
        return self._seen(refusal, key_id)

    def _ask(self, cell: Cell) -> tuple[str, Outcome]:
        """Return the id of the key that was asked with, and what the gateway has refused."""
        if cell.sdk not in NODE:
            key_id, key = self._node.new_key(str(cell))
            place = Place(self._node.url, key, cell.dialect)
            return key_id, _refusal(PYTHON[cell.sdk], cell.check, place)
        if cell not in self._told:
            self._told |= self._tell(cell.sdk, [cell])
        told, key_id = self._told[cell]
        assert told.status or not told.failure, told.failure
        return key_id, Refusal(told.status, told.failure) if told.status else None

    def _was_read(self, key_id: str) -> bool:
        """Say whether the gateway had come to a request before its client left: one that stood still may not have."""
        self._node.chat()  # by its only worker, which has read by now what came before
        return bool(self._requests_of(key_id))

    def _try_node(self) -> None:
        """Try all SDKs for Node, side by side: most of the time they wait."""
        with ThreadPoolExecutor(len(NODE)) as pool:
            for tried in pool.map(self._tell, NODE):
                self._told |= tried

    def _tell(self, name: str, cells: Sequence[Cell] = ()) -> dict[Cell, tuple[Told, str]]:
        """Return how checks of an SDK for Node went, all of them unless said, each with the id of its key."""
        sdk = NODE[name]
        cells = cells or [Cell(name, check, dialect) for check in sdk.checks for dialect in Dialect]
        keys = {cell: self._node.new_key(str(cell)) for cell in cells}
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        secrets = {
            dialect: {cell.check: secret for cell, (_, secret) in keys.items() if cell.dialect is dialect}
            for dialect in Dialect
        }
        told = {
            Cell(name, one.check, one.dialect): one
            for one in node_sdks.run(sdk, folder, self._node.url, secrets)
        }
        return {cell: (told[cell], key_id) for cell, (key_id, _) in keys.items()}

    def _requests(self, key_id: str) -> list[dict[str, Any]]:
        """Return what was asked with a key, once it has ended: the newest first."""

        def ended() -> list[dict[str, Any]]:
            found = self._requests_of(key_id)
            return [] if any(one["outcome"] == "under_way" for one in found) else found

        requests: list[dict[str, Any]] = until(ended, what="the requests in the log")
        return requests

    def _requests_of(self, key_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._node.manage("GET", f"/api/v1/requests?key_id={key_id}")["data"]
        return found

    def _seen(self, refusal: Refusal, key_id: str) -> Refusal:
        """See that it was the gateway that refused the last request, for nothing, and return it in its words."""
        if refusal.status == NOWHERE:  # before anybody has looked for a key
            return refusal
        last = self._requests(key_id)[0]
        assert last["reason"], f"the provider answered with an error: {refusal}"
        assert (last["status"], last["cost_usd"]) == (refusal.status, "0")
        return Refusal(refusal.status, last["detail"])

    def _see_charge(self, check: Check, key_id: str) -> None:
        """See that what was asked was counted as it should be."""
        requests = self._requests(key_id)
        last = requests[0]
        if check is Check.ERRORS:
            assert {400, 404, 429} <= {one["status"] for one in requests}
        elif check is Check.TIME_OUT:
            assert last["outcome"] == "client_left"
        elif check is Check.ABORT:
            assert (last["outcome"], last["usage_source"]) == ("client_left", "estimated")
            assert samples.LEAST_WORDS <= last["output_tokens"] < samples.WORDS
            assert float(last["cost_usd"]) > 0
        else:
            assert {(one["status"], one["usage_source"]) for one in requests} == {(200, "reported")}
            assert all(any(one[figure] for figure in FIGURES) for one in requests)


def _refusal(sdk: Sdk, check: Check, place: Place) -> Refusal | None:
    try:
        sdk.checks[check](place)
    except sdk.refusal as error:
        return Refusal(sdk.status_of(error), str(error))
    return None


@contextmanager
def matrix(folder: Path) -> Iterator[Matrix]:
    """Yield the matrix with a node of its own."""
    (folder / "node").mkdir()
    with running(Node(folder / "node", workers=1, routing__retries="0")) as node:
        yield Matrix(node, folder)


def title_of(name: str) -> tuple[str, str]:
    """Return the heading of an SDK, and what is to be said about it."""
    if name in PYTHON:
        sdk = PYTHON[name]
        return f"{sdk.name} {sdk.version} for Python", ""
    for_node = NODE[name]
    return f"{' with '.join(for_node.versions)} for Node", for_node.about


def names() -> Sequence[str]:
    """Return the SDKs, in the order of the page."""
    return [*PYTHON, *NODE]
