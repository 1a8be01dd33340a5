"""Where settings come from, and what is said when they are wrong."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from keyturn.config.load import Loaded, SettingsError, client_url, load, variable
from keyturn.config.sections import Settings
from keyturn.domain.secret import Secret


def loaded(folder: Path, environment: Mapping[str, str] | None = None, **flags: object) -> Loaded:
    """Load with nothing from the real environment; flags are written ``server__port``."""
    return load(
        folder=folder,
        environment=environment or {},
        flags={name.replace("__", "."): value for name, value in flags.items()},
    )


def refusal(folder: Path, environment: Mapping[str, str] | None = None, **flags: object) -> str:
    """Load and return the one line that says why it can't be."""
    with pytest.raises(SettingsError) as caught:
        loaded(folder, environment, **flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_any_source_everything_is_the_default(tmp_path: Path) -> None:
    """A first start needs no settings at all."""
    found = loaded(tmp_path)

    assert found.settings == Settings()
    assert set(found.origins.values()) == {"default"}


def test_a_flag_beats_the_environment_beats_dotenv_beats_the_file(tmp_path: Path) -> None:
    """Whoever is nearest to the start decides."""
    (tmp_path / "keyturn.toml").write_text(
        '[server]\nhost = "10.0.0.1"\nport = 1\nworkers = 1\nmax_headers = 1\n'
    )
    (tmp_path / ".env").write_text("KEYTURN_HOST=10.0.0.2\nKEYTURN_PORT=2\nKEYTURN_WORKERS=2\n")
    environment = {"KEYTURN_HOST": "10.0.0.3", "KEYTURN_PORT": "3"}

    found = loaded(tmp_path, environment, server__host="10.0.0.4", server__port=None)

    server = found.settings.server
    assert (server.host, server.port, server.workers, server.max_headers) == ("10.0.0.4", 3, 2, 1)
    assert [found.origins[f"server.{name}"] for name in ("host", "port", "workers", "max_headers")] == [
        "flag --host",
        "environment: KEYTURN_PORT",
        ".env: KEYTURN_WORKERS",
        "keyturn.toml:5",
    ]


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    """Containers are set up by their environment alone."""
    environment = {
        "KEYTURN_SERVER__MAX_BODY_BYTES": "1000",
        "KEYTURN_AUTH__LOCATIONS": "header, query",
        "KEYTURN_RELAY__CONNECT_TIMEOUT_S": "2.5",
        "KEYTURN_LOG__LEVEL": "debug",
    }

    settings = loaded(tmp_path, environment).settings

    assert settings.server.max_body_bytes == 1000
    assert settings.auth.locations == {"header", "query"}
    assert settings.relay.connect_timeout_s == 2.5
    assert settings.log.level == "debug"


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    """Compose files pass on what is not there as an empty text."""
    assert loaded(tmp_path, {"KEYTURN_PORT": "", "KEYTURN_DATA": ""}).settings == Settings()


def test_the_short_variable_beats_the_long_one(tmp_path: Path) -> None:
    """The outcome may not hang on the order of the environment."""
    environment = {"KEYTURN_SERVER__PORT": "1", "KEYTURN_PORT": "2"}

    assert loaded(tmp_path, environment).settings.server.port == 2


def test_what_kubernetes_sets_for_a_service_is_let_be(tmp_path: Path) -> None:
    """A service called keyturn puts these into every container of its namespace."""
    environment = {
        "KEYTURN_PORT": "tcp://10.0.0.1:8080",
        "KEYTURN_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "KEYTURN_PORT_8080_TCP_ADDR": "10.0.0.1",
        "KEYTURN_SERVICE_HOST": "10.0.0.1",
        "KEYTURN_SERVICE_PORT_HTTP": "8080",
    }

    assert loaded(tmp_path, environment).settings == Settings()


def test_the_proxy_that_every_program_uses_is_used(tmp_path: Path) -> None:
    """Behind a company's proxy, nothing else has to be set."""
    environment = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "localhost"}

    relay = loaded(tmp_path, environment).settings.relay

    assert (relay.proxy, relay.no_proxy) == ("http://proxy:3128", "localhost")


def test_our_own_proxy_setting_beats_the_general_one(tmp_path: Path) -> None:
    """What was set for Keyturn was meant for Keyturn."""
    (tmp_path / "keyturn.toml").write_text('relay.proxy = "http://ours:1"\n')

    assert loaded(tmp_path, {"HTTPS_PROXY": "http://proxy:3128"}).settings.relay.proxy == "http://ours:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1\n", "keyturn.toml:2: unknown setting server.prot; did you mean server.port?"),
        ("[sever]\nport = 1\n", "keyturn.toml:2: unknown setting sever.port; did you mean server.port?"),
        ("[nothing_like_it]\n", "keyturn.toml:1: unknown setting nothing_like_it"),
        ("server = 5\n", "keyturn.toml:1: unknown setting server; did you mean server.port?"),
        ("[server.port]\nx = 5\n", "keyturn.toml:1: server.port: expected int, got object"),
        ('[server]\n\nport = "80"\n', "keyturn.toml:3: server.port: expected int, got str"),
        ("server.port = 70000\n", "keyturn.toml:1: server.port: expected int <= 65535"),
        ("[server]\ndrain_s = 0\n", "keyturn.toml:2: server.drain_s: expected float > 0.0"),
        (
            'auth.locations = ["cookie"]\n',
            "keyturn.toml:1: auth.locations: expected any of header, query, body",
        ),
        ('data = ""\n', "keyturn.toml:1: data: the data directory needs a name"),
        (
            '[server]\ntls_cert = "a.pem"\n',
            "keyturn.toml:2: server.tls_cert needs server.tls_key beside it",
        ),
    ],
)
def test_a_wrong_line_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A limit that is misspelt and silently ignored is found out when it is too late."""
    (tmp_path / "keyturn.toml").write_text(text)

    assert refusal(tmp_path).startswith(message)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"KEYTURN_PROT": "1"}, "environment: unknown setting KEYTURN_PROT; did you mean KEYTURN_PORT?"),
        (
            {"KEYTURN_SERVER_MAX_BODY_BYTES": "1"},
            (
                "environment: unknown setting KEYTURN_SERVER_MAX_BODY_BYTES; "
                "did you mean KEYTURN_SERVER__MAX_BODY_BYTES?"
            ),
        ),
        ({"KEYTURN_PORT": "http"}, "environment: KEYTURN_PORT: server.port: expected int, got 'http'"),
        ({"KEYTURN_PORT": "-1"}, "environment: KEYTURN_PORT: server.port: expected int >= 0"),
        (
            {"KEYTURN_LOG__LEVEL": "loud"},
            "environment: KEYTURN_LOG__LEVEL: log.level: expected one of debug, info, warning, error",
        ),
        (
            {"KEYTURN_SERVER__DRAIN_S": "nan"},
            "environment: KEYTURN_SERVER__DRAIN_S: server.drain_s: expected",
        ),
        (
            {"KEYTURN_SERVER__DRAIN_S": "inf"},
            "environment: KEYTURN_SERVER__DRAIN_S: server.drain_s: expected",
        ),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    """Somebody who reads only this line knows what to change and where."""
    assert refusal(tmp_path, environment).startswith(message)


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    """The command line is checked as strictly as the file."""
    assert refusal(tmp_path, server__port=70000) == "flag --port: server.port: expected int <= 65535"


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    """A missing quote is found by its line."""
    (tmp_path / "keyturn.toml").write_text("[server]\nport = \n")

    assert refusal(tmp_path).startswith("keyturn.toml: is not TOML: ")
    assert "line 2" in refusal(tmp_path)


def test_a_settings_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    """To go on with defaults would be to serve with the wrong limits."""
    with pytest.raises(SettingsError) as caught:
        load(config="other.toml", folder=tmp_path, environment={})

    assert str(caught.value) == "other.toml: can't be read: No such file or directory"


def test_files_that_are_not_text_are_refused(tmp_path: Path) -> None:
    """An editor that saves UTF-16 is told so."""
    (tmp_path / "keyturn.toml").write_bytes(b"\xff\xfe[\x00")

    assert refusal(tmp_path) == "keyturn.toml: can't be read: it is not UTF-8 text"


def test_a_dotenv_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """A file that is there is read or complained about."""
    (tmp_path / ".env").write_bytes(b"\xff\xfeK\x00")

    assert refusal(tmp_path) == ".env: can't be read: it is not UTF-8 text"


def test_credentials_are_shown_nowhere(tmp_path: Path) -> None:
    """The table is made to be pasted into a bug report."""
    environment = {
        "KEYTURN_METRICS__TOKEN": "very-secret",
        "HTTPS_PROXY": "http://me:very-secret@proxy",
        "OPENAI_API_KEY": "sk-very-secret",
        "KEYTURN_API_KEY": "ak-very-secret",
    }

    found = loaded(tmp_path, environment)

    assert "very-secret" not in repr(found.table())
    assert "very-secret" not in repr((found.provider_keys, found.client, found.origins))
    assert ("metrics.token", "[redacted]", "environment: KEYTURN_METRICS__TOKEN") in found.table()


def test_a_secret_of_the_wrong_type_is_not_repeated(tmp_path: Path) -> None:
    """Error messages end in logs."""
    (tmp_path / "keyturn.toml").write_text("metrics.token = 12345\n")

    assert "12345" not in refusal(tmp_path)


def test_the_table_has_every_setting_once_as_people_write_it(tmp_path: Path) -> None:
    """What is missing there seems not to exist."""
    table = loaded(tmp_path, server__port=9000).table()

    assert ("server.port", "9000", "flag --port") in table
    assert ("auth.locations", "body, header, query", "default") in table
    assert len({path for path, _, _ in table}) == len(table) == len(loaded(tmp_path).origins)


def test_provider_keys_come_from_the_environment_or_dotenv(tmp_path: Path) -> None:
    """A developer's key is mostly there already."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-from-dotenv\n")

    assert loaded(tmp_path).provider_keys == {"openai": Secret("sk-from-dotenv")}
    assert loaded(tmp_path, {"OPENAI_API_KEY": "sk-real"}).provider_keys == {"openai": Secret("sk-real")}


def test_each_provider_has_its_variables_and_the_best_one_wins(tmp_path: Path) -> None:
    """Google's own programs take both names."""
    given = {"GOOGLE_API_KEY": "second", "ANTHROPIC_API_KEY": "sk-ant", "GROQ_API_KEY": ""}

    both = loaded(tmp_path, {**given, "GEMINI_API_KEY": "first"}).provider_keys
    other = loaded(tmp_path, given).provider_keys

    assert both == {"gemini": Secret("first"), "anthropic": Secret("sk-ant")}
    assert other["gemini"] == Secret("second")


@pytest.mark.parametrize("name", ["KEYTURN_API_KEY", "GPTPROTO_API_KEY", "GPT_API_KEY", "API_KEY"])
def test_a_clients_key_is_found_under_the_usual_names(tmp_path: Path, name: str) -> None:
    """Whoever comes from another gateway has it in one of these."""
    assert loaded(tmp_path, {name: "ak-1"}).client.key == Secret("ak-1")


def test_our_own_name_for_a_clients_key_wins(tmp_path: Path) -> None:
    """API_KEY may be anybody's."""
    environment = {"API_KEY": "other", "KEYTURN_API_KEY": "ours"}

    assert loaded(tmp_path, environment).client.key == Secret("ours")


@pytest.mark.parametrize(
    "text", ["https://node.example", "https://node.example/", " https://node.example/v1/ "]
)
def test_a_nodes_address_may_be_its_base_url(text: str) -> None:
    """The address people have at hand is the one they gave to the SDK."""
    assert client_url(text) == "https://node.example"


def test_a_credential_is_looked_up_by_name(tmp_path: Path) -> None:
    """`--api-key-env` names any variable, of the environment first."""
    (tmp_path / ".env").write_text("A=from-dotenv\nB=from-dotenv\n")
    environment = {"A": "real", "C": ""}

    found = [variable(name, environment=environment, folder=tmp_path) for name in "ABC"]

    assert found == [Secret("real"), Secret("from-dotenv"), None]
