"""``/api/v1/models``: the names clients use, where they go and what they cost."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Moment, Money, Page, Usd, moment, optional_usd, refusals
from keyturn.domain.money import parse_usd
from keyturn.domain.refusals import Reason
from keyturn.domain.routing import Terms, When
from keyturn.services.models import Model, ModelChange
from keyturn.services.targets import WantedTarget
from keyturn.store.models import StoredTarget

Name = Annotated[
    str,
    PathParameter(description="The name that clients use; may hold '/'.", examples=[Example(value="gpt-4o")]),
]
Price = Money | msgspec.UnsetType | None


class WhenObject(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a target takes; what is left out does not matter."""

    stream: Annotated[
        bool | None, msgspec.Meta(description="Only those whose answer is streamed, or only the others.")
    ] = None
    operations: Annotated[
        list[str], msgspec.Meta(description="`chat`, `embeddings`, …", examples=[["chat"]])
    ] = []
    min_input_tokens: Annotated[
        int, msgspec.Meta(description="By estimate: a quarter of the body's bytes.")
    ] = 0
    max_input_tokens: Annotated[int, msgspec.Meta(description="0: any number.")] = 0
    projects: Annotated[
        list[str], msgspec.Meta(description="Ids of projects: keys of one of them.", examples=[[]])
    ] = []
    environments: Annotated[
        list[str], msgspec.Meta(description="Keys of one of these environments.", examples=[["production"]])
    ] = []


class TargetObject(msgspec.Struct, forbid_unknown_fields=True):
    """Where a model may go."""

    upstream: Annotated[str, msgspec.Meta(examples=["openai"])]
    model: Annotated[
        str,
        msgspec.Meta(
            description="Its name there; empty: the same. `*` is what the star in the model's name stands for.",
            examples=["gpt-4o"],
        ),
    ] = ""
    weight: Annotated[
        int, msgspec.Meta(description="Its share among those of its priority; 0: when the others fail.")
    ] = 1
    priority: Annotated[int, msgspec.Meta(description="Smaller is asked first.")] = 0
    when: WhenObject = msgspec.field(default_factory=WhenObject)


class ModelObject(msgspec.Struct):
    """A name that clients use. Prices are those of now, per million tokens; null where nobody has said."""

    name: Annotated[str, msgspec.Meta(examples=["gpt-4o"])]
    upstream: Annotated[str, msgspec.Meta(description="Of its first target.", examples=["openai"])]
    upstream_model: Annotated[str, msgspec.Meta(description="Its name there.", examples=["gpt-4o"])]
    input_usd_per_million: Usd | None
    output_usd_per_million: Usd | None
    cached_input_usd_per_million: Annotated[
        Usd | None, msgspec.Meta(description="null: cached input costs what other input does.")
    ]
    targets: Annotated[list[TargetObject], msgspec.Meta(description="Where it may go: at least one.")]
    created_at: Moment


class ChangeModel(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be different; a member left out stays as it is, a price of null leaves it to the shipped table."""

    upstream: str | msgspec.UnsetType = msgspec.UNSET
    upstream_model: str | msgspec.UnsetType = msgspec.UNSET
    targets: Annotated[
        list[TargetObject] | msgspec.UnsetType,
        msgspec.Meta(description="All of them, instead of `upstream` and `upstream_model`."),
    ] = msgspec.UNSET
    input_usd_per_million: Price = msgspec.UNSET
    output_usd_per_million: Price = msgspec.UNSET
    cached_input_usd_per_million: Price = msgspec.UNSET


class CreateModel(ChangeModel, forbid_unknown_fields=True, kw_only=True):
    """A name to add."""

    name: Annotated[
        str, msgspec.Meta(description="`*` in it stands for any text: `openai/*`.", examples=["fast"])
    ]


@get("/", summary="List models", responses=refusals())
async def list_models(management: Managed) -> Page[ModelObject]:
    """By name, all on one page."""
    return Page(data=[_show(model) for model in await management.models.everything()])


@post(
    "/",
    summary="Add a model",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT, Reason.NOT_CONFIRMED),
)
async def add_model(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateModel,
        Body(
            examples=[
                Example(
                    summary="An alias with a price",
                    id="alias",
                    value={
                        "name": "fast",
                        "upstream": "openai",
                        "upstream_model": "gpt-4o-mini",
                        "input_usd_per_million": "0.15",
                        "output_usd_per_million": "0.60",
                    },
                ),
                Example(
                    summary="Two providers, the second when the first fails",
                    id="targets",
                    value={
                        "name": "steady",
                        "targets": [
                            {"upstream": "openai", "model": "gpt-4o"},
                            {"upstream": "local", "model": "llama3.2", "priority": 1},
                        ],
                    },
                ),
            ]
        ),
    ],
) -> Answer[ModelObject]:
    """Clients can use the name when the call returns."""
    added = await management.models.add(data.name, change_of(data), by=principal_of(request))
    return Answer(data=_show(granted(added)))


@get("/{name:path}", summary="Show a model", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def show_model(management: Managed, name: Name) -> Answer[ModelObject]:
    """Where a name goes and what it costs."""
    return Answer(data=_show(granted(await management.models.show(_bare(name)))))


@patch(
    "/{name:path}",
    summary="Change a model",
    responses=refusals(
        Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND, Reason.NOT_CONFIRMED
    ),
)
async def change_model(
    request: Request[Any, Any, Any],
    management: Managed,
    name: Name,
    data: Annotated[
        ChangeModel,
        Body(
            examples=[
                Example(
                    summary="Set its price",
                    id="price",
                    value={"input_usd_per_million": "0.15", "output_usd_per_million": "0.60"},
                )
            ]
        ),
    ],
) -> Answer[ModelObject]:
    """In force when the call returns; usage so far keeps the price it was counted at."""
    changed = await management.models.edit(_bare(name), change_of(data), by=principal_of(request))
    return Answer(data=_show(granted(changed)))


@delete(
    "/{name:path}",
    summary="Remove a model",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.NOT_CONFIRMED),
)
async def remove_model(
    request: Request[Any, Any, Any],
    management: Managed,
    name: Name,
) -> Answer[ModelObject]:
    """Clients that use the name are told that there is no such model."""
    removed = await management.models.remove(_bare(name), by=principal_of(request))
    return Answer(data=_show(granted(removed)))


router = Router(
    "/models",
    tags=["Models"],
    route_handlers=[list_models, add_model, show_model, change_model, remove_model],
)


def _bare(name: str) -> str:
    return name.removeprefix("/")


def change_of(data: ChangeModel) -> ModelChange:
    """Return what is asked for, as the use case takes it.

    Raises:
        RefusedError: An amount is none.
    """
    return ModelChange(
        data.upstream,
        data.upstream_model,
        _nano(data.input_usd_per_million, "input_usd_per_million"),
        _nano(data.output_usd_per_million, "output_usd_per_million"),
        _nano(data.cached_input_usd_per_million, "cached_input_usd_per_million"),
        _wanted(data),
    )


def _wanted(data: ChangeModel) -> list[WantedTarget] | msgspec.UnsetType:
    if data.targets is msgspec.UNSET:
        return msgspec.UNSET
    return [
        WantedTarget(one.upstream, one.model, Terms(one.priority, one.weight, _when(one.when)))
        for one in data.targets
    ]


def _when(when: WhenObject) -> When:
    return When(
        when.stream,
        tuple(when.operations),
        when.min_input_tokens,
        when.max_input_tokens,
        tuple(when.projects),
        tuple(when.environments),
    )


def _target(target: StoredTarget) -> TargetObject:
    when = msgspec.convert(msgspec.to_builtins(target.terms.when), WhenObject)
    return TargetObject(target.upstream, target.model, target.terms.weight, target.terms.priority, when)


def _nano(amount: Decimal | msgspec.UnsetType | None, member: str) -> int | msgspec.UnsetType | None:
    if not isinstance(amount, Decimal):
        return amount
    try:
        return parse_usd(str(amount))
    except ValueError as error:
        refuse(Reason.INVALID_MEMBER, str(error), member)


def _show(model: Model) -> ModelObject:
    stored, price = model.stored, model.price
    return ModelObject(
        name=stored.name,
        upstream=stored.upstream,
        upstream_model=stored.upstream_model,
        targets=[_target(one) for one in stored.all_targets],
        input_usd_per_million=optional_usd(None if price is None else price.input_nano_usd),
        output_usd_per_million=optional_usd(None if price is None else price.output_nano_usd),
        cached_input_usd_per_million=optional_usd(None if price is None else price.cached_input_nano_usd),
        created_at=moment(stored.created_at),
    )
