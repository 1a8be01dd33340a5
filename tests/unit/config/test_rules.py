"""What a setting's type can't say."""

from pathlib import Path

import pytest

from keyturn.config.load import SettingsError, load
from keyturn.config.reference import commented_file
from keyturn.config.sections import Settings


def settings(folder: Path, **environment: str) -> Settings:
    """Load from variables, written ``server__port="1"``."""
    variables = {f"KEYTURN_{name.upper()}": value for name, value in environment.items()}
    return load(folder=folder, environment=variables).settings


def refusal(folder: Path, **environment: str) -> str:
    """Load and return the one line that says why it can't be."""
    with pytest.raises(SettingsError) as caught:
        settings(folder, **environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nobody_is_trusted_and_a_key_is_needed_by_default(tmp_path: Path) -> None:
    """Whatever is opened was opened by the operator."""
    found = settings(tmp_path)

    assert found.server.trusted_proxies == frozenset()
    assert found.server.proxy_protocol is False
    assert found.auth.required is True
    assert found.auth.headers == ()


def test_trusted_proxies_come_from_a_list_or_a_text(tmp_path: Path) -> None:
    """In the file and in the environment; in one form, so that ``doctor`` shows what is matched."""
    expected = {"10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32", "192.0.2.0/24"}
    text = "10.0.0.0/8, 127.0.0.1 ,2001:DB8::/32,::ffff:192.0.2.0/120"
    (tmp_path / "keyturn.toml").write_text(
        'server.trusted_proxies = ["10.0.0.0/8", "127.0.0.1", "2001:db8::/32", "192.0.2.0/24"]\n'
    )

    assert settings(tmp_path).server.trusted_proxies == expected
    assert settings(tmp_path, server__trusted_proxies=text).server.trusted_proxies == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.1/8",
            "'10.0.0.1/8' is neither an address nor a network such as 10.0.0.0/8; did you mean 10.0.0.0/8?",
        ),
        ("10.0.0.0/33", "'10.0.0.0/33' is neither an address nor a network such as 10.0.0.0/8"),
        (
            "127.0.0.1, proxy.internal",
            "'proxy.internal' is neither an address nor a network such as 10.0.0.0/8",
        ),
        ("*", "'*' is neither an address nor a network such as 10.0.0.0/8"),
    ],
)
def test_a_proxy_that_is_no_network_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A network with a slip in it would trust nobody, or too many."""
    assert refusal(tmp_path, server__trusted_proxies=text) == (
        f"environment: KEYTURN_SERVER__TRUSTED_PROXIES: server.trusted_proxies: {message}"
    )


def test_a_single_network_in_the_file_has_to_be_a_list(tmp_path: Path) -> None:
    """The message says what is expected."""
    (tmp_path / "keyturn.toml").write_text('server.trusted_proxies = "10.0.0.0/8"\n')

    assert refusal(tmp_path) == "keyturn.toml:1: server.trusted_proxies: expected array, got str"


def test_the_proxy_protocol_needs_somebody_who_may_use_it(tmp_path: Path) -> None:
    """Otherwise every connection would be closed, and nobody would know why."""
    assert refusal(tmp_path, server__proxy_protocol="true") == (
        "environment: KEYTURN_SERVER__PROXY_PROTOCOL: server.proxy_protocol needs server.trusted_proxies: who may use it"
    )
    trusted = settings(tmp_path, server__proxy_protocol="1", server__trusted_proxies="10.0.0.1")
    assert trusted.server.proxy_protocol is True


def test_the_proxy_protocol_and_tls_exclude_each_other(tmp_path: Path) -> None:
    """TLS is taken off before we see a byte: what stands before it can't be read."""
    message = refusal(
        tmp_path,
        server__proxy_protocol="true",
        server__trusted_proxies="10.0.0.1",
        server__tls_cert="a.pem",
        server__tls_key="b.pem",
    )

    assert message.startswith(
        "environment: KEYTURN_SERVER__PROXY_PROTOCOL: server.proxy_protocol can't be read in front of TLS"
    )
    assert "let the proxy end TLS" in message


@pytest.mark.parametrize("line", ['"strict"', '["strict"]', '["header"]'])
def test_strict_means_headers_only(tmp_path: Path, line: str) -> None:
    """One word for it, in the file as in the environment."""
    (tmp_path / "keyturn.toml").write_text(f"auth.locations = {line}\n")

    assert settings(tmp_path).auth.locations == {"header"}
    assert settings(tmp_path, auth__locations="strict").auth.locations == {"header"}


def test_strict_beside_a_place_is_a_contradiction(tmp_path: Path) -> None:
    """Which of the two was meant can't be known."""
    assert "expected any of header, query, body" in refusal(tmp_path, auth__locations="strict, query")


def test_headers_of_keys_are_written_in_small_letters(tmp_path: Path) -> None:
    """Names of headers have no case; in the order in which they were given, each once."""
    (tmp_path / "keyturn.toml").write_text('auth.headers = ["X-Gateway-Key", "X-Token"]\n')

    assert settings(tmp_path).auth.headers == ("x-gateway-key", "x-token")
    assert settings(tmp_path, auth__headers="X-Token, ocp-apim-subscription-key,x-token").auth.headers == (
        "x-token",
        "ocp-apim-subscription-key",
    )


@pytest.mark.parametrize("name", ["X-API-Key", "authorization", "api-key", "X-Goog-Api-Key"])
def test_a_header_that_is_read_already_is_not_named_again(tmp_path: Path, name: str) -> None:
    """It would be read twice, as two credentials."""
    assert refusal(tmp_path, auth__headers=name) == (
        f"environment: KEYTURN_AUTH__HEADERS: auth.headers: {name.lower()} is read already; leave it out"
    )


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Host",
            "Connection",
            "Content-Type",
            "content-length",
            "Transfer-Encoding",
            "TE",
            "Upgrade",
            "Cookie",
        ),
        *(
            "Proxy-Authorization",
            "X-Forwarded-For",
            "Forwarded",
            "X-Request-Id",
            "Accept",
            "User-Agent",
            "Origin",
        ),
        *("Idempotency-Key", "traceparent", "OpenAI-Beta", "Sec-Fetch-Mode"),
    ],
)
def test_a_header_with_another_meaning_carries_no_key(tmp_path: Path, name: str) -> None:
    """Some of them go to the provider, and the key would go with them."""
    assert refusal(tmp_path, auth__headers=name).endswith("has another meaning and can't carry a key")


@pytest.mark.parametrize("name", ["X Token", "x-t\u00f6ken", "x:y", "x" * 65])
def test_what_is_no_name_of_a_header_is_refused(tmp_path: Path, name: str) -> None:
    """No client could send it."""
    assert refusal(tmp_path, auth__headers=name).endswith("is not the name of a header")


def test_lists_are_shown_and_written_as_lists(tmp_path: Path) -> None:
    """``doctor`` and ``init`` know them."""
    found = load(folder=tmp_path, environment={"KEYTURN_AUTH__HEADERS": "x-b,x-a"})

    assert ("auth.headers", "x-a, x-b", "environment: KEYTURN_AUTH__HEADERS") in found.table()
    assert "# headers = []" in commented_file({})
    assert 'headers = ["x-a", "x-b"]' in commented_file({"auth.headers": ("x-a", "x-b")})


def test_unpriced_models_are_served_for_nothing_by_default_or_at_a_price(tmp_path: Path) -> None:
    """Amounts are text: a float would not add up."""
    assert settings(tmp_path).prices.unknown == "zero"
    (tmp_path / "keyturn.toml").write_text(
        '[prices]\nunknown = "default"\ndefault_input_usd_per_million = "5"\n'
        'default_output_usd_per_million = "0.000000001"\n'
    )

    assert settings(tmp_path).prices.default_input_usd_per_million == "5"


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (
            {"unknown": "default", "default_input_usd_per_million": "5"},
            "needs prices.default_output_usd_per_million",
        ),
        ({"default_input_usd_per_million": "5"}, 'used with prices.unknown = "default" only'),
        ({"unknown": "default", "default_input_usd_per_million": "-5"}, "not an amount in dollars"),
        ({"unknown": "free"}, "expected one of zero, refuse, default"),
    ],
)
def test_a_default_price_that_makes_no_sense_is_refused(
    tmp_path: Path, figures: dict[str, str], message: str
) -> None:
    """It would be charged to every model that somebody forgot."""
    environment = {f"prices__{name}": text for name, text in figures.items()}

    assert message in refusal(tmp_path, **environment)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"people__url": "ai.example.com"}, "people.url"),
        ({"people__url": "https://ai.example.com/?a=b"}, "people.url"),
        ({"people__url": "https://[ai"}, "people.url"),
        ({"smtp__host": "mail.example.com", "people__url": "https://ai.example.com"}, "needs smtp.sender"),
        ({"smtp__host": "mail.example.com", "smtp__sender": "k@example.com"}, "needs people.url"),
        ({"oidc__issuer": "accounts.example.com"}, "oidc.issuer"),
        ({"oidc__issuer": "http://accounts.example.com", "oidc__client_id": "k"}, "https://"),
        ({"oidc__issuer": "https://accounts.example.com"}, "needs oidc.client_id"),
        ({"people__terms_required": "true"}, "needs people.terms_url"),
    ],
)
def test_how_people_come_in_is_set_as_a_whole(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """Found out at the start, not when somebody waits for a letter."""
    assert said in refusal(tmp_path, **given)


def test_a_provider_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    """For those who try it out."""
    found = settings(tmp_path, oidc__issuer="http://localhost:9000", oidc__client_id="k")

    assert found.oidc.issuer == "http://localhost:9000"
