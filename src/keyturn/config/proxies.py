"""Which proxy leads to a provider."""

from urllib.parse import urlsplit

from keyturn.config.sections import Relay


def proxy_for(base_url: str, settings: Relay) -> str:
    """Return the proxy for a provider's base URL, empty for none: only ``https`` goes through one."""
    url = urlsplit(base_url)
    if url.scheme != "https" or bypasses(url.hostname or "", settings.no_proxy):
        return ""
    return settings.proxy


def bypasses(host: str, no_proxy: str) -> bool:
    """Say whether ``NO_PROXY`` takes a host out: ``*``, an exact name, or a domain with or without a leading dot."""
    for entry in no_proxy.split(","):
        name = _without_port(entry.strip().lower()).lstrip(".")
        if name == "*" or (name and (host.lower() == name or host.lower().endswith("." + name))):
            return True
    return False


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry if entry.count(":") > 1 else entry.partition(":")[0]  # an IPv6 address or a name
