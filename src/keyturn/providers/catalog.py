"""All providers, by what they are called."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from keyturn.providers.anthropic import ANTHROPIC
from keyturn.providers.azure import AZURE, AZURE_DEPLOYMENTS
from keyturn.providers.bedrock import BEDROCK
from keyturn.providers.gemini import GEMINI
from keyturn.providers.hosts import COMPATIBLE, HOSTED, LOCAL
from keyturn.providers.provider import Provider
from keyturn.providers.vertex import VERTEX

CLOUDS = (AZURE, AZURE_DEPLOYMENTS, BEDROCK, VERTEX)
PROVIDERS: Mapping[str, Provider] = {
    one.id: one for one in (*HOSTED[:1], ANTHROPIC, GEMINI, *CLOUDS, *HOSTED[1:], *LOCAL, COMPATIBLE)
}
"""In the order in which they are shown."""

_BY_HOST = {
    urlsplit(one.base_url).hostname: one.id for one in PROVIDERS.values() if one.base_url and not one.local
}


def at(base_url: str) -> Provider:
    """Return the provider at an address, as far as its host is known; any other speaks the OpenAI API."""
    try:
        host = urlsplit(base_url).hostname
    except ValueError:
        host = None
    return PROVIDERS[_BY_HOST.get(host, COMPATIBLE.id)]
