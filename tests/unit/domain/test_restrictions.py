"""Where a key may be used."""

import pytest

from keyturn.domain.restrictions import (
    NO_PATH,
    address_of,
    allows_address,
    allows_name,
    allows_origin,
    is_pattern,
    network_of,
    origin_of,
    path_meant,
)


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        ((), "192.0.2.1", True),
        ((), "garbage", True),
        (("192.0.2.0/24",), "192.0.2.255", True),
        (("192.0.2.0/24",), "192.0.3.0", False),
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "::ffff:192.0.2.1", True),
        (("::ffff:192.0.2.0/120",), "192.0.2.9", True),
        (("2001:db8::/32",), "2001:db8:1::1", True),
        (("2001:db8::/32",), "2001:db8:1::1%eth0", True),
        (("2001:db8::/32",), "192.0.2.1", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("192.0.2.0/24",), "", False),
        (("192.0.2.0/24",), "192.0.2.1:80", False),
        (("10.0.0.0/8", "192.0.2.0/24"), "192.0.2.1", True),
    ],
)
def test_an_address_must_lie_in_one_of_the_networks(
    networks: tuple[str, ...], address: str, *, expected: bool
) -> None:
    """IPv4 inside IPv6 is IPv4; what can't be read lies nowhere."""
    assert allows_address(networks, address) is expected


@pytest.mark.parametrize("text", ["192.0.2.1/24", "192.0.2", "::ffff:192.0.2.0/64", "a", "", "192.0.2.0/33"])
def test_what_is_no_network_is_not_taken_for_one(text: str) -> None:
    """A typing error must not open more than was meant."""
    assert network_of(text) is None


def test_an_address_is_read_as_the_one_it_means() -> None:
    """One client has one address, however it is written."""
    assert str(address_of("::FFFF:c000:201")) == "192.0.2.1"
    assert address_of("192.0.2.256") is None


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        ((), "anything", True),
        (("gpt-*",), "gpt-4o", True),
        (("gpt-*",), "agpt-4o", False),
        (("gpt-4",), "gpt-4o", False),
        (("*",), "", True),
        (("a.c",), "abc", False),
        (("/v1/images/*",), "/v1/images/edits", True),
        (("/v1/images/*",), "/v1/chat", False),
        (("x", "y*z"), "y\nz", True),
    ],
)
def test_a_name_must_match_one_of_the_patterns(
    patterns: tuple[str, ...], name: str, *, expected: bool
) -> None:
    """Whole, and with nothing special but the star."""
    assert allows_name(patterns, name) is expected


def test_a_pattern_is_short_and_visible() -> None:
    """Lists are kept separated by spaces."""
    assert is_pattern("gpt-*")
    assert not is_pattern("gpt 4")
    assert not is_pattern("")
    assert not is_pattern("x" * 201)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80/path?q", "http://app.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://*.app.example", "https://*.app.example"),
        ("null", None),
        ("ftp://app.example", None),
        ("https://user@app.example", None),
        ("https://app.example:99999", None),
        ("https://", None),
        ("https://a b", None),
        ("https://a*.example", None),
        ("app.example", None),
    ],
)
def test_an_origin_has_one_form(text: str, expected: str | None) -> None:
    """Scheme, host and port in lower case, the usual port left out."""
    assert origin_of(text) == expected


@pytest.mark.parametrize(
    ("origins", "origin", "expected"),
    [
        ((), "", True),
        (("https://app.example",), "https://app.example", True),
        (("https://app.example",), "http://app.example", False),
        (("https://app.example",), "https://app.example:8443", False),
        (("https://app.example",), "https://app.example.evil", False),
        (("https://*.app.example",), "https://a.app.example", True),
        (("https://*.app.example",), "https://a.b.app.example", False),
        (("https://*.app.example",), "https://app.example", False),
        (("https://*.app.example",), "https://*.app.example", False),
        (("https://*.app.example:8443",), "https://a.app.example:8443", True),
        (("https://app.example",), "null", False),
        (("https://app.example",), "", False),
        (("http://localhost:3000",), "http://localhost:3000", True),
    ],
)
def test_an_origin_must_be_one_of_the_list(origins: tuple[str, ...], origin: str, *, expected: bool) -> None:
    """A star stands for one label, never for a domain of somebody else."""
    assert allows_origin(origins, origin) is expected


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/reports/../admin",
            "/reports/..",
            "/./admin",
            "/reports/%2e%2E/admin",
            "/reports/%252e%252e/admin",
        ),
        *(
            "//reports/1",
            "/reports//1",
            "/admin/..;/reports/1",
            "/admin/..;x=1/reports",
            "/reports/..\\admin",
        ),
        *("/admin%2f..%2freports", "/admin%5c..%5creports", "/reports/1#/../../admin", "/reports/%00"),
    ],
)
def test_a_path_that_servers_read_in_two_ways_is_none(path: str) -> None:
    """Or a key for the reports would open whatever lies beside them."""
    assert path_meant(path) == NO_PATH
    assert not allows_name(("/reports/*", "/*"), path_meant(path))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/reports/1", "/reports/1"),
        ("/reports/a%20b", "/reports/a b"),
        ("/%72eports/..hidden/a..b/...", "/reports/..hidden/a..b/..."),
        ("/", "/"),
        ("/a;v=1/b", "/a;v=1/b"),
    ],
)
def test_an_ordinary_path_is_matched_as_it_is_served(path: str, expected: str) -> None:
    """Servers decode it once."""
    assert path_meant(path) == expected
