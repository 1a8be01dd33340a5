"""All providers, by what they are called."""

import re
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
_WORD = re.compile(r"\\{\w+\\}")
_BY_ADDRESS = [
    (re.compile(_WORD.sub("[^/]+", re.escape(one.address))), one.id)
    for one in PROVIDERS.values()
    if one.address and one is not COMPATIBLE
]
_OPENAI = "/openai"
"""What the addresses end with at which Google speaks OpenAI's dialect alone."""


def at(base_url: str) -> Provider:
    """Return the provider at an address, as far as it can be told; any other speaks the OpenAI API."""
    try:
        host = urlsplit(base_url).hostname
    except ValueError:
        host = None
    for address, name in _BY_ADDRESS:
        if address.fullmatch(base_url):
            return PROVIDERS[name]
    found = PROVIDERS[_BY_HOST.get(host, COMPATIBLE.id)]
    return COMPATIBLE if found is GEMINI and base_url.rstrip("/").endswith(_OPENAI) else found
