"""Asks a provider which models it has: the one real call that shows whether an upstream works."""

import asyncio
import ssl

import httpx
import msgspec

from keyturn import bus, system
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.provider import Provider, ToSign

TIMEOUT_S = 5.0
LARGEST_ANSWER = 8 << 20
NAME_LENGTH = 200
_TEXTS = {
    401: "the provider refuses the credential",
    403: "the provider refuses the credential",
    404: "there is no list of models under this base URL; is the path right (it often ends in /v1)?",
    429: "the provider says to wait",
}


class Probe(msgspec.Struct, frozen=True):
    """What came of it."""

    ok: bool
    latency_ms: float
    """From the first byte sent to the whole answer read; up to the failure where there is none."""
    models: list[str] = []
    """In the provider's order."""
    status: int | None = None
    """The provider's status; ``None`` when it gave none."""
    error: str = ""
    """What went wrong, in one line; holds nothing that the provider sent."""
    tried: bool = True
    """False: this provider has nothing that can be asked for nothing, which says neither well nor ill of it."""


async def probe(upstream: bus.Upstream, *, proxy: str = "", within_s: float = TIMEOUT_S) -> Probe:
    """Ask for the list of models in the provider's way, through the HTTP proxy at ``proxy`` where there is one."""
    provider = PROVIDERS[upstream.provider]
    url = provider.models_url(upstream.base_url)
    if not url:
        why = f"{provider.title} has no list of models to ask for"
        return Probe(ok=False, latency_ms=0.0, error=why, tried=False)
    loop = asyncio.get_running_loop()
    began = loop.time()
    status: int | None = None
    models: list[str] = []
    try:
        async with asyncio.timeout(within_s), _client(proxy, within_s) as client:
            status, body = await _get(client, url, provider, upstream.credential)
        error = _explain(status)
        if not error:
            models = [one for one in provider.read_models(body) if _is_name(one)]
    except TimeoutError:
        error = f"no answer within {within_s:g} s"
    except httpx.HTTPError as failure:
        error = f"can't be reached ({type(failure).__name__}: {_reason(failure)})"
    except httpx.InvalidURL:
        error = "the base URL is not valid"
    except (msgspec.DecodeError, _TooLargeError):
        error = "the answer is not a list of models"
    return Probe(not error, (loop.time() - began) * 1000, models, status, error)


def _client(proxy: str, within_s: float) -> httpx.AsyncClient:
    # The settings say which proxy; httpx must not find one of its own. Trust is that of the relay.
    return httpx.AsyncClient(
        timeout=within_s, proxy=proxy or None, trust_env=False, verify=ssl.create_default_context()
    )


class _TooLargeError(Exception):
    """The answer is larger than any list of models."""


async def _get(client: httpx.AsyncClient, url: str, provider: Provider, credential: str) -> tuple[int, bytes]:
    shown = provider.headers(credential)
    if provider.signs:
        request = ToSign(method="GET", url=url, at=int(system.now()))
        shown = provider.signature(request, credential)
    headers = {"accept": "application/json", **dict(provider.defaults), **dict(shown)}
    body = bytearray()
    async with client.stream("GET", url, headers=headers) as answer:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise _TooLargeError
        return answer.status_code, bytes(body)


def _explain(status: int) -> str:
    if status == httpx.codes.OK:
        return ""
    return _TEXTS.get(status, f"the provider answers with status {status}")


def _reason(failure: httpx.HTTPError) -> str:
    return str(failure).partition("\n")[0] or "no reason given"


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_LENGTH and text.isprintable()
