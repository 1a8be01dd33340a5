"""What `keyturn serve` shows; that it serves is tested with real nodes."""

import io
import shlex

import msgspec
import pytest
from rich.console import Console

from keyturn.cli.serve import Progress, base_address, curl, welcome
from keyturn.config.sections import Auth, Server, Settings
from keyturn.domain.secret import Secret
from keyturn.node.progress import Started

KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


def shown(node: Started, *, demo: bool = True) -> str:
    """Return the welcome as a narrow terminal gets it."""
    screen = io.StringIO()
    welcome(Console(file=screen, width=40, highlight=False), Settings(), node, demo=demo)
    return screen.getvalue()


def test_the_first_start_shows_the_key_and_a_line_to_paste() -> None:
    """The five minutes of a newcomer begin here."""
    text = shown(Started(8080, Secret(KEY), 0.9))

    for part in (
        "http://127.0.0.1:8080/v1",
        "http://127.0.0.1:8080/docs",
        KEY,
        "curl http://127.0.0.1:8080/v1/chat",
    ):
        assert part in text


def test_a_node_without_keys_is_warned_of() -> None:
    """Whoever forgot the setting sees it at every start; the others see nothing."""
    screen = io.StringIO()
    console = Console(file=screen, width=40, highlight=False)

    welcome(console, Settings(auth=Auth(required=False)), Started(8080, None, 0.9), demo=False)

    assert "Warning: no key is needed (auth.required = false)" in screen.getvalue()
    assert "Warning" not in shown(Started(8080, None, 0.9))


def test_later_starts_show_no_secret_but_how_to_get_one() -> None:
    """Logs of a service manager hold every start."""
    text = shown(Started(8080, None, 0.9))

    assert "sk-" not in text
    assert "keyturn keys create" in text


def test_a_node_without_an_owner_shows_the_link_that_makes_one() -> None:
    """Its secret part stands behind the #, so that no server sees it by a click."""
    text = shown(Started(8080, None, 0.9, Secret("aB3" * 10)))

    assert f"http://127.0.0.1:8080/dashboard/setup#{'aB3' * 10}" in text
    assert "setup#" not in shown(Started(8080, None, 0.9))


def test_the_line_to_paste_is_one_line_however_narrow_the_terminal() -> None:
    """A command with a line break in it does something else."""
    text = shown(Started(8080, Secret(KEY), 0.9))

    assert curl("http://127.0.0.1:8080", KEY, "demo-chat") in text.splitlines()


def test_the_line_to_paste_is_a_shell_command_with_a_json_body() -> None:
    """Quotes within quotes are where such lines break."""
    words = shlex.split(curl("http://127.0.0.1:8080", KEY, "demo-chat"))

    assert words[:2] == ["curl", "http://127.0.0.1:8080/v1/chat/completions"]
    assert f"Authorization: Bearer {KEY}" in words
    assert msgspec.json.decode(words[-1])["model"] == "demo-chat"


def test_without_the_demo_a_real_model_is_named() -> None:
    """The demo's models are not there then."""
    assert "demo-chat" not in shown(Started(8080, Secret(KEY), 0.9), demo=False)


@pytest.mark.parametrize(
    ("server", "address"),
    [
        (Server(), "http://127.0.0.1:1"),
        (Server(host="0.0.0.0"), "http://127.0.0.1:1"),  # noqa: S104 -- what an operator may set
        (Server(host="::"), "http://127.0.0.1:1"),
        (Server(host="::1"), "http://[::1]:1"),
        (Server(host="node.example"), "http://node.example:1"),
        (Server(tls_cert="a.pem", tls_key="b.pem"), "https://127.0.0.1:1"),
    ],
)
def test_the_address_shown_can_be_opened(server: Server, address: str) -> None:
    """0.0.0.0 is no address to connect to."""
    assert base_address(Settings(server=server), 1) == address


@pytest.mark.parametrize("workers", [1, 3])
def test_progress_names_each_process_and_counts_workers(
    capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    """With 64 cores the list would be all one sees."""
    names = [f"worker {number}" for number in range(1, workers + 1)]
    progress = Progress(Settings(), demo=False)

    progress.starting(["control", *names])
    for name in (*names, "control"):
        progress.ready(name, 0.5)
    progress.stopping()

    lines = capsys.readouterr().err.splitlines()
    counted = "1 worker" if workers == 1 else "3 workers"
    assert lines[0] == f"Starting control, {counted} …"
    assert lines[1:3] == [f"✓ {counted} ready after 0.50 s", "✓ control ready after 0.50 s"]
    assert "Ctrl-C" in lines[3]


def test_on_a_terminal_progress_is_live(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that moves says that something happens."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(Settings(), demo=False)

    progress.starting(["control"])
    progress.ready("control", 0.5)
    progress.started(Started(8080, None, 0.5))

    captured = capsys.readouterr()
    assert "Starting control" in captured.err
    assert "\x1b[?25h" in captured.err, "the cursor is shown again"
    assert "Base URL" in captured.out
