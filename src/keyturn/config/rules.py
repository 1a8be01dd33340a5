"""What a setting's type can't say: the forms that are accepted, and which settings contradict each other."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import ip_network
from urllib.parse import urlsplit

from keyturn.config.sections import Prices, Settings
from keyturn.domain.money import parse_usd
from keyturn.domain.restrictions import network_of
from keyturn.providers.compatible import FORWARDED
from keyturn.schemes.headers import KEY_HEADERS

STRICT = "strict"
"""Of ``auth.locations``: headers only."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,64}")
_TAKEN = frozenset({"authorization", *(name.decode() for name in KEY_HEADERS)})
_RESERVED = frozenset(
    {
        "connection",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "keep-alive",
        "origin",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
        "x-request-id",
        *(name.decode() for name in FORWARDED),
    }
)
_RESERVED_PREFIXES = ("accept", "access-control-", "content-", "if-", "proxy-", "sec-", "x-forwarded-")
"""Names that mean something else to us, to a proxy, to a browser or to a provider."""


def locations(raw: object) -> object:
    """Read ``strict`` as headers only."""
    return ["header"] if raw in (STRICT, [STRICT]) else raw


def networks(texts: Iterable[str]) -> frozenset[str]:
    """Write addresses and networks in one form.

    Raises:
        ValueError: One is neither; the message says which.
    """
    return frozenset(map(_network, texts))


def _network(text: str) -> str:
    network = network_of(text.strip())
    if network is not None:
        return str(network)
    try:
        meant = f"; did you mean {ip_network(text.strip(), strict=False)}?"
    except ValueError:
        meant = ""
    raise ValueError(f"{text!r} is neither an address nor a network such as 10.0.0.0/8{meant}")


def header_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Write names of headers in small letters, each once.

    Raises:
        ValueError: One can't carry a key; the message says which, and why.
    """
    return tuple(dict.fromkeys(map(_header_name, texts)))


def _header_name(text: str) -> str:
    name = text.strip().lower()
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"{text!r} is not the name of a header")
    if name in _TAKEN:
        raise ValueError(f"{name} is read already; leave it out")
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        raise ValueError(f"{name} has another meaning and can't carry a key")
    return name


FORMS: Mapping[str, Callable[[Iterable[str]], Collection[str]]] = {
    "server.trusted_proxies": networks,
    "auth.headers": header_names,
}
"""Path → what checks the value and brings it into its one form."""


def contradiction(settings: Settings) -> tuple[str, str] | None:
    """Return a setting that can't stand beside the others, and why; ``None``: they go together."""
    server = settings.server
    if bool(server.tls_cert) != bool(server.tls_key):
        given, missing = ("cert", "key") if server.tls_cert else ("key", "cert")
        return f"server.tls_{given}", f"server.tls_{given} needs server.tls_{missing} beside it"
    if server.proxy_protocol and server.tls_cert:
        return "server.proxy_protocol", (
            "server.proxy_protocol can't be read in front of TLS; "
            "let the proxy end TLS, or unset server.tls_cert and server.tls_key"
        )
    if server.proxy_protocol and not server.trusted_proxies:
        return "server.proxy_protocol", "server.proxy_protocol needs server.trusted_proxies: who may use it"
    if not settings.data:
        return "data", "data: the data directory needs a name"
    return _contradicting_prices(settings.prices) or _contradicting_people(settings)


def _contradicting_people(settings: Settings) -> tuple[str, str] | None:
    people, smtp, oidc = settings.people, settings.smtp, settings.oidc
    if people.url and not _is_base(people.url):
        return "people.url", "people.url is no address such as https://ai.example.com"
    if smtp.host and not smtp.sender:
        return "smtp.host", "smtp.host needs smtp.sender: the address that letters come from"
    if smtp.host and not people.url:
        return "smtp.host", "smtp.host needs people.url: links in e-mails begin with it"
    if oidc.issuer and not _is_base(oidc.issuer):
        return "oidc.issuer", "oidc.issuer is no address such as https://accounts.example.com"
    if oidc.issuer and urlsplit(oidc.issuer).scheme != "https" and not _is_loopback(oidc.issuer):
        return "oidc.issuer", "oidc.issuer begins with https:// unless it is on this machine"
    if oidc.issuer and not oidc.client_id:
        return "oidc.issuer", "oidc.issuer needs oidc.client_id"
    if people.terms_required and not people.terms_url:
        return "people.terms_required", "people.terms_required needs people.terms_url: where the terms stand"
    return None


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and url.isprintable() and " " not in url
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _contradicting_prices(prices: Prices) -> tuple[str, str] | None:
    figures = {
        "prices.default_input_usd_per_million": prices.default_input_usd_per_million,
        "prices.default_output_usd_per_million": prices.default_output_usd_per_million,
    }
    for path, text in figures.items():
        if text:
            try:
                parse_usd(text)
            except ValueError as error:
                return path, f"{path}: {error}"
            if prices.unknown != "default":
                return path, f'{path} is used with prices.unknown = "default" only'
    missing = [path for path, text in figures.items() if not text]
    if missing and prices.unknown == "default":
        return "prices.unknown", f'prices.unknown = "default" needs {missing[0]}'
    return None
