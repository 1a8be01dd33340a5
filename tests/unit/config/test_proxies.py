"""Which providers are reached directly."""

import pytest

from keyturn.config.proxies import bypasses, proxy_for
from keyturn.config.sections import Relay

PROXY = "http://proxy:3128"


def test_only_https_goes_through_the_proxy() -> None:
    """A provider on plain HTTP is a neighbour; the variable's name says as much."""
    settings = Relay(proxy=PROXY)

    assert proxy_for("https://api.example.com/v1", settings) == PROXY
    assert proxy_for("http://api.example.com/v1", settings) == ""


def test_an_exempted_host_is_reached_directly() -> None:
    """A provider inside of the house can't be reached from outside."""
    settings = Relay(proxy=PROXY, no_proxy="localhost, .example.com")

    assert proxy_for("https://api.example.com/v1", settings) == ""
    assert proxy_for("https://api.example.org/v1", settings) == PROXY


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("api.example.com", "*"),
        ("api.example.com", "api.example.com"),
        ("API.Example.com", "other, api.example.COM:443"),
        ("api.example.com", "example.com"),
        ("api.example.com", ".example.com"),
        ("127.0.0.1", "localhost,127.0.0.1"),
        ("::1", "::1"),
        ("fe80::1:2", "[fe80::1:2]:443"),
    ],
)
def test_a_host_that_is_named_is_taken_out(host: str, no_proxy: str) -> None:
    """The forms that curl and others take."""
    assert bypasses(host, no_proxy)


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("api.example.com", ""),
        ("api.example.com", " , "),
        ("badexample.com", "example.com"),
        ("example.com.evil.net", "example.com"),
        ("::1", "::2"),
    ],
)
def test_any_other_host_is_not(host: str, no_proxy: str) -> None:
    """What looks alike is somebody else's."""
    assert not bypasses(host, no_proxy)
