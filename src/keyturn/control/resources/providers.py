"""``/api/v1/providers``: who runs models."""

from typing import Annotated

import msgspec
from litestar import Router, get

from keyturn.control.wire import Page, refusals
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.provider import NATIVE, Codec, Provider, Quirks


class QuirksObject(msgspec.Struct):
    """Where its OpenAI dialect differs."""

    legacy_cap: Annotated[bool, msgspec.Meta(description="It goes by `max_tokens`.")]
    stream_options: Annotated[bool, msgspec.Meta(description="It takes `stream_options.include_usage`.")]
    strict: Annotated[bool, msgspec.Meta(description="It refuses members that it does not know.")]
    random_seed: Annotated[bool, msgspec.Meta(description="It says `random_seed` for `seed`.")]
    thoughts: Annotated[
        str | None,
        msgspec.Meta(
            description="The member of a message in which it takes back what the model thought.",
            examples=["reasoning_content"],
        ),
    ]
    top_k: Annotated[bool, msgspec.Meta(description="It takes `top_k`.")]


class ProviderObject(msgspec.Struct):
    """Somebody who runs models."""

    id: Annotated[str, msgspec.Meta(examples=["anthropic"])]
    title: Annotated[str, msgspec.Meta(examples=["Anthropic"])]
    base_url: Annotated[
        str | None,
        msgspec.Meta(
            description="null: each operator's is another, see `address`.",
            examples=["https://api.anthropic.com/v1"],
        ),
    ]
    address: Annotated[
        str | None, msgspec.Meta(description="What an operator's base URL looks like, words in braces.")
    ]
    variables: Annotated[
        list[str],
        msgspec.Meta(
            description="Where its credential is looked for at the first start, if it has one address.",
            examples=[["ANTHROPIC_API_KEY"]],
        ),
    ]
    credential: Annotated[str | None, msgspec.Meta(description="What to give, where it is no plain API key.")]
    local: Annotated[bool, msgspec.Meta(description="It runs on machines of the operator's.")]
    lists_models: bool
    operations: Annotated[
        dict[str, Codec],
        msgspec.Meta(
            description="What can be asked there, and in which dialect; chats are translated where it is another.",
            examples=[{"chat": "anthropic_messages", "messages": "anthropic_messages"}],
        ),
    ]
    quirks: QuirksObject
    note: str
    source: Annotated[str, msgspec.Meta(description="Where the provider says so.")]


@get("/", summary="List providers", responses=refusals())
async def list_providers() -> Page[ProviderObject]:
    """Those that are known by name, all on one page. Any other server that speaks the OpenAI API is `compatible`."""
    return Page(data=[_show(one) for one in PROVIDERS.values()])


router = Router("/providers", tags=["Upstreams"], route_handlers=[list_providers])


def _show(one: Provider) -> ProviderObject:
    codecs = {operation: one.codec(operation) for operation in NATIVE}
    return ProviderObject(
        id=one.id,
        title=one.title,
        base_url=one.base_url or None,
        address=one.address or None,
        variables=list(one.variables),
        credential=one.credential or None,
        local=one.local,
        lists_models=one.lists_models,
        operations={operation: codec for operation, codec in codecs.items() if codec is not None},
        quirks=_quirks(one.quirks),
        note=one.note,
        source=one.source,
    )


def _quirks(found: Quirks) -> QuirksObject:
    return QuirksObject(
        legacy_cap=found.legacy_cap,
        stream_options=found.stream_options,
        strict=found.strict,
        random_seed=found.random_seed,
        thoughts=found.thoughts or None,
        top_k=found.top_k,
    )
