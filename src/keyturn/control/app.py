"""The management API as one application, for both doors."""

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, Reference, SecurityScheme, Server, Tag
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

from keyturn import __version__
from keyturn.control import claim_page
from keyturn.control.admission import Admission
from keyturn.control.bodies import StrictRequest
from keyturn.control.dashboard import routes as dashboard
from keyturn.control.dashboard.kept_forms import KeptForms
from keyturn.control.dashboard.live import Live
from keyturn.control.dashboard.shell import Pages
from keyturn.control.documentation import pages
from keyturn.control.documentation.description import Description
from keyturn.control.errors import HANDLERS
from keyturn.control.idempotency import AnsweredBeforeError, AnswerKeeper, repeat
from keyturn.control.management import Management
from keyturn.control.refused_calls import note_refused
from keyturn.control.resources import (
    accounts,
    alerts,
    audit,
    claims,
    codes,
    credit,
    events,
    hygiene,
    imports,
    invitations,
    keys,
    leaks,
    ledger,
    limits,
    members,
    models,
    node,
    own_key,
    peppers,
    plans,
    prices,
    probes,
    projects,
    providers,
    requests,
    rerate,
    reveal,
    rotation,
    settings,
    simulate,
    statements,
    upstreams,
    usage,
    user_links,
    users,
    verify,
)
from keyturn.control.routers import OnlyRouter
from keyturn.control.wire import REQUEST_ID_HEADER

LARGEST_BODY = 1 << 20
"""Bytes; ten thousand names of models fit."""

DESCRIPTION = """
Manage the node: keys, upstreams, models, usage. Applications call models under `/v1` at the same address, the way they
call OpenAI, Anthropic or Gemini.

Send a management key (`ak-…`), or a secret key with the permission `admin` for its account or `write` for its project,
as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Who has signed in to the dashboard can call with that session: by its cookie,
and for anything but `GET` with `X-CSRF-Token`; what they may do follows from their role. On the machine itself the `keyturn` command needs no key: it uses the control socket.

Every answer has `success`. When it is false, `error.code` says why and never changes, `error.message` is for people,
and `error.details.param` names the member of the request that is at fault. `x-request-id` finds the call in the logs.
With `Accept: application/problem+json` errors come as problem documents (RFC 9457).
When a call that takes rights away has returned, every worker already refuses.

Send an `Idempotency-Key` (1 to 255 visible ASCII characters) with a `POST` to be able to send it again: for 24 hours the same
call gets the same answer, with `Idempotency-Replayed: true`, and nothing is done twice.
""".strip()


def create_app(management: Management) -> Litestar:
    """Put the application together; ``Door`` lets requests in."""

    def provide() -> Management:
        return management

    dependencies = {"management": Provide(provide, sync_to_thread=False, use_cache=True)}
    description = Description(_routes, dependencies, _openapi())
    return Litestar(
        route_handlers=[*_routes(), *pages.HANDLERS, *claim_page.HANDLERS, dashboard.router()],
        dependencies=dependencies,
        exception_handlers={**HANDLERS, AnsweredBeforeError: repeat},
        after_exception=[note_refused],
        request_class=StrictRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
        state=State(
            {
                "management": management,
                "description": description,
                "pages": Pages(),
                "kept_forms": KeptForms(),
                "proof_words": dashboard.proof_words(),
                "live": Live(management),
            }
        ),
    )


def _routes() -> list[ControllerRouterHandler]:
    nouns = (
        keys,
        rotation,
        own_key,
        claims,
        limits,
        accounts,
        projects,
        members,
        users,
        invitations,
        user_links,
        hygiene,
        leaks,
        upstreams,
        providers,
        models,
        prices,
        rerate,
        usage,
        requests,
        node,
        settings,
        events,
        alerts,
        audit,
        imports,
        reveal,
        peppers,
        simulate,
        verify,
        plans,
        credit,
        codes,
        ledger,
        statements,
    )
    api = OnlyRouter(
        "/api/v1",
        middleware=[AnswerKeeper, Admission],
        response_headers=[REQUEST_ID_HEADER],
        route_handlers=[noun.router for noun in nouns],
    )
    return [api, probes.health, probes.ready, probes.show_metrics]


def _openapi() -> OpenAPIConfig:
    schemes: dict[str, SecurityScheme | Reference] = {
        "bearer": SecurityScheme(type="http", scheme="bearer", description="`Authorization: Bearer ak-…`"),
        "header": SecurityScheme(
            type="apiKey", name="X-API-Key", security_scheme_in="header", description="`X-API-Key: ak-…`"
        ),
    }
    return OpenAPIConfig(
        title="Keyturn management API",
        version=__version__,
        description=DESCRIPTION,
        summary="One key turns every model.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        tags=[
            Tag("Keys", "What applications hold. A key lives on while its secrets change."),
            Tag("Limits", "How much may be used within a time, and how much of it is."),
            Tag("Accounts", "Tenants. Each owns projects, users and keys, and can be suspended as a whole."),
            Tag("Projects", "What keys belong to, with a policy for all of them, and members."),
            Tag("Users", "People. Their personal keys end with them; service keys do not."),
            Tag("Upstreams", "Connections to the providers that run models."),
            Tag("Models", "The names that clients use, where each goes, and what it costs."),
            Tag("Prices", "What models cost, from when on."),
            Tag("Plans", "What accounts may use and get, and whether they pay in advance."),
            Tag("Credit", "What accounts have, and how they come by more."),
            Tag("Ledger", "Every change of the balance, the proof that it is right, and monthly statements."),
            Tag("Usage", "Requests, tokens and cost."),
            Tag("Requests", "Why one request was answered as it was."),
            Tag("Leaks", "Keys that were found where they should not be."),
            Tag("Events", "What happened that somebody should know of."),
            Tag("Alerts", "What waits for somebody to see to it."),
            Tag("Audit", "Who changed what, in a chain that shows when it was touched."),
            Tag("Node", "How this node is doing."),
            Tag("Settings", "What can be changed while the node runs."),
            Tag("Probes", "For load balancers and Prometheus."),
        ],
        security=[{"bearer": []}, {"header": []}],
        components=Components(security_schemes=schemes),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )


def _operation_id(
    handler: HTTPRouteHandler, _method: Method, _path: list[str | PathParameterDefinition]
) -> str:
    return handler.handler_name
