"""Keys of other systems: their holders go on with the secrets they have."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.node import Node, running

LITELLM = "sk-Zk3_pQ9vL2mX7wT4bN8sRa"
UNKEY = "acme_3ZHgBvC9KtWqPmXyLrDnFs"
OPENROUTER = "sk-or-v1-" + "0e6f44a47a05f1dad2ad7e88c4c1d6b7" * 2
ONE_API = "hF3kd9Qm2LpX7vTzRb4NcY8sWj6GaU5eKq1Do0MiHnZxVtBy"
DISABLED = "sk-or-v1-" + "ff" * 32


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node into which all four systems have moved."""
    with running(Node(tmp_path_factory.mktemp("node"), workers=2)) as found:
        yield found


def sha256(secret: str) -> bytes:
    """Return what the other systems keep."""
    return hashlib.sha256(secret.encode()).digest()


def files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Write an export of each system; return its file and the secret of the key in it."""
    litellm = (
        'COPY public."LiteLLM_VerificationToken" (token, key_name, key_alias, expires, models, blocked) FROM stdin;\n'
        f"{sha256(LITELLM).hex()}\tsk-...sRa\tfrom litellm\t\\N\t{{demo-*}}\t\\N\n\\.\n"
    )
    unkey = json.dumps(
        [{"hash": base64.b64encode(sha256(UNKEY)).decode(), "start": "acme_3ZHg", "name": "from unkey"}]
    )
    openrouter = json.dumps(
        {
            "data": [
                {"hash": sha256(OPENROUTER).hex(), "label": "sk-or-v1-0e6...d6b7", "name": "from openrouter"},
                {
                    "hash": sha256(DISABLED).hex(),
                    "label": "sk-or-v1-fff...ffff",
                    "name": "off",
                    "disabled": True,
                },
            ]
        }
    )
    one_api = f"id,key,status,name,expired_time\n1,{ONE_API},1,from one-api,-1\n"
    contents = {
        "litellm": (litellm, LITELLM),
        "unkey": (unkey, UNKEY),
        "openrouter": (openrouter, OPENROUTER),
        "one-api": (one_api, f"sk-{ONE_API}"),
    }
    found = {}
    for name, (text, secret) in contents.items():
        path = folder / f"{name}.txt"
        path.write_text(text)
        found[name] = (path, secret)
    return found


def number_of_keys(node: Node) -> int:
    """Return how many keys there are."""
    return len(node.manage("GET", "/api/v1/keys?limit=1000")["data"])


@pytest.mark.parametrize("system", ["litellm", "unkey", "openrouter", "one-api"])
def test_a_request_with_the_old_secret_is_served(node: Node, tmp_path: Path, system: str) -> None:
    """From the moment the import has returned, in every worker; before it, the secret is nobody's."""
    path, secret = files(tmp_path)[system]
    before = node.chat(key=secret).status_code

    done = node.cli("import", system, str(path), "--json")
    after = [node.chat(key=secret) for _ in range(8)]

    assert before == 401
    assert json.loads(done.stdout)["imported"] >= 1
    assert [one.status_code for one in after] == [200] * 8
    assert node.story(after[0])["key_name"] == f"from {system}"


def test_a_key_that_was_disabled_there_is_refused_here(node: Node, tmp_path: Path) -> None:
    """Its holder is told that it is disabled, not that it is unknown."""
    node.cli("import", "openrouter", str(files(tmp_path)["openrouter"][0]))

    answer = node.chat(key=DISABLED)

    assert (answer.status_code, node.story(answer)["reason"]) == (401, "disabled_api_key")


def test_an_imported_key_may_ask_who_it_is(node: Node, tmp_path: Path) -> None:
    """The management API knows it too."""
    path, secret = files(tmp_path)["one-api"]
    node.cli("import", "one-api", str(path))

    answer = node.send("GET", "/api/v1/key", headers={"authorization": f"Bearer {secret}"})

    assert (answer.status_code, answer.json()["data"]["name"]) == (200, "from one-api")


def test_restrictions_come_along(node: Node, tmp_path: Path) -> None:
    """A key for two models must not open all by moving."""
    node.cli("import", "litellm", str(files(tmp_path)["litellm"][0]))

    answers = [node.chat(key=LITELLM, model=model).status_code for model in ("demo-chat", "gpt-4o")]

    assert answers == [200, 403]


def test_texts_of_the_same_shape_that_nobody_holds_are_unknown(node: Node, tmp_path: Path) -> None:
    """They are looked up, because only the database can tell."""
    node.cli("import", "litellm", str(files(tmp_path)["litellm"][0]))

    answer = node.chat(key=LITELLM[:-1] + "b")

    assert (answer.status_code, node.story(answer)["reason"]) == (401, "unknown_api_key")


def test_a_mistyped_key_of_ours_is_still_refused_without_a_look_up(node: Node, tmp_path: Path) -> None:
    """Whatever was imported, our own format has its checksum."""
    for system, (path, _) in files(tmp_path).items():
        node.cli("import", system, str(path))

    answer = node.chat(key=node.key[:-1] + ("a" if node.key[-1] != "a" else "b"))

    assert (answer.status_code, node.story(answer)["reason"]) == (401, "malformed_api_key")


def test_a_file_with_a_bad_row_imports_nothing(node: Node, tmp_path: Path) -> None:
    """The lines at fault are named, so that they can be mended."""
    good = sha256("sk-or-v1-" + "ab" * 32).hex()
    path = tmp_path / "keys.jsonl"
    path.write_text(f'{{"hash": "{good}", "name": "good"}}\n{{"hash": "bad", "name": "bad"}}\n')
    before = number_of_keys(node)

    refused = node.cli("import", "openrouter", str(path), check=False)

    assert refused.returncode == 1
    assert "line 2: 'hash' is not SHA-256 in hexadecimal" in refused.stderr
    assert number_of_keys(node) == before


def test_an_imported_key_is_revoked_like_any_other(node: Node, tmp_path: Path) -> None:
    """When the call has returned, the old secret is dead."""
    path, secret = files(tmp_path)["unkey"]
    node.cli("import", "unkey", str(path))

    node.manage("POST", "/api/v1/keys/from%20unkey/revoke")

    assert node.chat(key=secret).status_code == 401
