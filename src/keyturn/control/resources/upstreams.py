"""``/api/v1/upstreams``: connect providers."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Moment, Page, moment, refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import Secret
from keyturn.services.probe import Probe
from keyturn.services.upstreams import NewUpstream, Upstream, UpstreamChange

Name = Annotated[str, PathParameter(description="The upstream's name.", examples=[Example(value="openai")])]


class UpstreamObject(msgspec.Struct):
    """A configured connection to a provider."""

    name: Annotated[str, msgspec.Meta(examples=["openai"])]
    provider: Annotated[str, msgspec.Meta(description="See `/providers`.", examples=["openai"])]
    base_url: Annotated[str, msgspec.Meta(examples=["https://api.openai.com/v1"])]
    has_credential: bool
    models: Annotated[
        list[str], msgspec.Meta(description="The names that clients use.", examples=[["gpt-4o"]])
    ]
    credentials: Annotated[int, msgspec.Meta(description="How many there are.", examples=[1])]
    max_concurrency: Annotated[
        int,
        msgspec.Meta(
            description="Requests that may be there at once, of all workers of a node; 0: as many as come."
        ),
    ]
    requests_per_minute: Annotated[
        int, msgspec.Meta(description="Of all workers of a node; 0: as many as come.")
    ]
    created_at: Moment
    note: Annotated[
        str | None, msgspec.Meta(description="When just added: why its models could not be listed.")
    ] = None


class CreateUpstream(msgspec.Struct, forbid_unknown_fields=True):
    """A provider to connect."""

    name: Annotated[
        str,
        msgspec.Meta(
            description="1 to 40 of a-z, 0-9 and '-'. Without `provider` and `base_url`: the provider's.",
            examples=["openai"],
        ),
    ]
    provider: Annotated[
        str,
        msgspec.Meta(
            description="One of `/providers`. Left out: the one at the base URL, or any that speaks the OpenAI API.",
            examples=["openai"],
        ),
    ] = ""
    base_url: Annotated[
        str,
        msgspec.Meta(
            description="Where its API begins; operations are appended (`/chat/completions`). Left out: "
            "the provider's own address.",
            examples=["https://api.openai.com/v1"],
        ),
    ] = ""
    api_key: Annotated[
        str | None, msgspec.Meta(description="The provider's credential. Kept encrypted, never shown again.")
    ] = None
    api_keys: Annotated[
        list[str],
        msgspec.Meta(
            description="Several credentials, or more than `api_key`: the next is used when one is refused or used up.",
            max_length=100,
        ),
    ] = []
    models: Annotated[
        list[str],
        msgspec.Meta(description="Its models; without any, the provider is asked.", max_length=10_000),
    ] = []


Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class ChangeUpstream(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be different; a member left out stays as it is."""

    max_concurrency: Number | msgspec.UnsetType = msgspec.UNSET
    requests_per_minute: Number | msgspec.UnsetType = msgspec.UNSET
    api_keys: (
        Annotated[
            list[str],
            msgspec.Meta(
                description="All of its credentials. The first is used; when the provider refuses it with 401 or 403, or has "
                "enough of it with 429, the next.",
                max_length=100,
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


@get("/", summary="List upstreams", responses=refusals())
async def list_upstreams(management: Managed) -> Page[UpstreamObject]:
    """By name, all on one page."""
    return Page(data=[_show(upstream) for upstream in await management.upstreams.everything()])


@post(
    "/",
    summary="Add an upstream",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT, Reason.NOT_CONFIRMED),
)
async def add_upstream(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateUpstream,
        Body(
            examples=[
                Example(
                    summary="A provider",
                    id="provider",
                    value={
                        "name": "openai",
                        "base_url": "https://api.openai.com/v1",
                        "api_key": "YOUR_PROVIDER_KEY",
                    },
                ),
                Example(
                    summary="By name, with two credentials",
                    id="anthropic",
                    value={
                        "name": "claude",
                        "provider": "anthropic",
                        "api_keys": ["YOUR_PROVIDER_KEY", "YOUR_OTHER_PROVIDER_KEY"],
                    },
                ),
                Example(
                    summary="A server on this machine",
                    id="local",
                    value={"name": "local", "base_url": "http://127.0.0.1:11434/v1", "models": ["llama3.2"]},
                ),
            ]
        ),
    ],
) -> Answer[UpstreamObject]:
    """Without `models` the provider is asked which it has.

    A name that another upstream has already is added as `UPSTREAM/model`.
    """
    added = granted(await management.upstreams.add(wanted_of(data), by=principal_of(request)))
    shown = _show(added.upstream)
    shown.note = added.problem or None
    return Answer(data=shown)


@patch(
    "/{name:str}",
    summary="Change an upstream",
    responses=refusals(
        Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND, Reason.NOT_CONFIRMED
    ),
)
async def change_upstream(
    request: Request[Any, Any, Any],
    management: Managed,
    name: Name,
    data: Annotated[
        ChangeUpstream,
        Body(
            examples=[
                Example(
                    summary="What it has room for",
                    id="room",
                    value={"max_concurrency": 64, "requests_per_minute": 3000},
                )
            ]
        ),
    ],
) -> Answer[UpstreamObject]:
    """In force when the call returns; requests that are under way go on."""
    edited = await management.upstreams.edit(name, change_of(data), by=principal_of(request))
    return Answer(data=_show(granted(edited)))


@delete(
    "/{name:str}",
    summary="Remove an upstream",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.NOT_CONFIRMED),
)
async def remove_upstream(
    request: Request[Any, Any, Any],
    management: Managed,
    name: Name,
) -> Answer[UpstreamObject]:
    """Models that go nowhere else go with it; its usage stays in reports."""
    removed = await management.upstreams.remove(name, by=principal_of(request))
    return Answer(data=_show(granted(removed)))


@post(
    "/{name:str}/test",
    summary="Test an upstream",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND),
)
async def test_upstream(management: Managed, name: Name) -> Answer[Probe]:
    """Makes a real call: asks the provider for its models."""
    return Answer(data=granted(await management.upstreams.test(name)))


router = Router(
    "/upstreams",
    tags=["Upstreams"],
    route_handlers=[list_upstreams, add_upstream, change_upstream, remove_upstream, test_upstream],
)


def wanted_of(data: CreateUpstream) -> NewUpstream:
    """Return what is asked for, as the use case takes it."""
    credential = Secret(data.api_key.strip()) if data.api_key else None
    further = [Secret(one.strip()) for one in data.api_keys]
    return NewUpstream(data.name, data.base_url, credential, data.models, data.provider, further)


def change_of(data: ChangeUpstream) -> UpstreamChange:
    """Return what is to be different, as the use case takes it."""
    keys = data.api_keys
    return UpstreamChange(
        data.max_concurrency,
        data.requests_per_minute,
        keys if keys is msgspec.UNSET else [Secret(one.strip()) for one in keys],
    )


def _show(upstream: Upstream) -> UpstreamObject:
    stored = upstream.stored
    return UpstreamObject(
        name=stored.name,
        provider=stored.provider,
        base_url=stored.base_url,
        max_concurrency=upstream.room.max_concurrency,
        requests_per_minute=upstream.room.requests_per_minute,
        has_credential=stored.sealed_credential is not None,
        credentials=len(stored.sealed_credentials),
        models=upstream.models,
        created_at=moment(stored.created_at),
    )
