"""``/`` and ``/docs``: the reference, rendered on the server from the OpenAPI description."""

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from keyturn import __version__
from keyturn.control.documentation import advice
from keyturn.control.documentation.description import Description, Json, sample
from keyturn.control.documentation.html import HEADERS, environment
from keyturn.control.errors import help_of

_FOLDER = Path(__file__).parent
_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,253}")
_ASSETS = {"docs.css": "text/css", "docs.js": "text/javascript"}
_PLACEHOLDER = "$KEYTURN_API_KEY"

AnyRequest = Request[Any, Any, Any]


@get("/", include_in_schema=False)
async def root() -> Redirect:
    """Lead to the dashboard."""
    return Redirect("/dashboard", status_code=302)


@get("/docs", include_in_schema=False)
async def reference(request: AnyRequest) -> Response[str]:
    """Show the reference, with the address that the reader used in every sample."""
    description: Description = request.app.state["description"]
    page = (
        environment()
        .get_template("reference.html")
        .render(
            groups=_groups(description.document(), _base_url(request)),
            about=description.document()["info"]["description"],
            base_url=_base_url(request),
            version=__version__,
            support=help_of(request).contact,
        )
    )
    return Response(page, media_type="text/html", headers=HEADERS)


@get("/docs/errors", include_in_schema=False)
async def errors(request: AnyRequest) -> Response[str]:
    """Show every way to say no; each has its reason for an anchor, which problem documents lead to."""
    template = environment().get_template("errors.html")
    page = template.render(entries=advice.entries(), version=__version__, support=help_of(request).contact)
    return Response(page, media_type="text/html", headers=HEADERS)


@get("/docs/{name:str}", include_in_schema=False)
async def asset(name: FromPath[str]) -> Response[bytes]:
    """Hand out the style sheet and the script."""
    if name not in _ASSETS:
        return Response(b"not found\n", status_code=404, media_type="text/plain")
    content = (_FOLDER / "static" / name).read_bytes()
    return Response(content, media_type=_ASSETS[name], headers=HEADERS)


@get("/api/v1/openapi.json", include_in_schema=False)
async def openapi(request: AnyRequest) -> Response[bytes]:
    """Hand out the description for tools."""
    description: Description = request.app.state["description"]
    return Response(msgspec.json.encode(description.document()), media_type="application/json")


HANDLERS: list[HTTPRouteHandler] = [root, reference, errors, asset, openapi]


class Parameter(msgspec.Struct):
    """A row of a table: a parameter or a member."""

    name: str
    where: str
    kind: str
    required: bool
    text: str
    default: str


class Sample(msgspec.Struct):
    """A block of text to copy."""

    title: str
    text: str


class Operation(msgspec.Struct):
    """One call as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Parameter]
    members: list[Parameter]
    samples: list[Sample]
    answer: str
    refusals: list[tuple[str, str, str]]
    """Status, code, message."""


class Group(msgspec.Struct):
    """The calls of one tag."""

    name: str
    text: str
    operations: list[Operation]


def _base_url(request: AnyRequest) -> str:
    """Return the address that the reader sees, as the worker passed it on."""
    host = request.headers.get("x-forwarded-host") or request.headers.get("host") or ""
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else "http://127.0.0.1:8080"


def _groups(document: Json, base_url: str) -> list[Group]:
    schemas = document["components"]["schemas"]
    groups = {tag["name"]: Group(tag["name"], tag.get("description", ""), []) for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "operationId" in operation:
                shown = _operation(method, path, operation, schemas, base_url)
                groups[operation["tags"][0]].operations.append(shown)
    return list(groups.values())


def _operation(method: str, path: str, operation: Json, schemas: Json, base_url: str) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [one["value"] for one in body.get("examples", {}).values()]
    refusals = []
    answer = ""
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            if status.startswith("2"):
                answer = _pretty(content["example"]) if "example" in content else ""
            for example in content.get("examples", {}).values():
                error = example["value"]["error"]
                refusals.append((status, error["code"], error["message"]))
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        parameters=[_parameter(one, schemas) for one in operation.get("parameters", [])],
        members=_members(body.get("schema", {}), schemas),
        samples=[Sample("curl", text) for text in _curls(method, path, operation, examples, base_url)],
        answer=answer,
        refusals=sorted(set(refusals)),
    )


def _parameter(parameter: Json, schemas: Json) -> Parameter:
    schema = parameter["schema"]
    return Parameter(
        name=parameter["name"],
        where=parameter["in"],
        kind=_kind(schema, schemas),
        required=parameter.get("required", False),
        text=parameter.get("description", ""),
        default=_default(schema),
    )


def _members(schema: Json, schemas: Json) -> list[Parameter]:
    if "$ref" not in schema:
        return []
    named = schemas[schema["$ref"].rpartition("/")[2]]
    return [
        Parameter(
            name,
            "body",
            _kind(member, schemas),
            name in named.get("required", []),
            member.get("description", ""),
            _default(member),
        )
        for name, member in named.get("properties", {}).items()
    ]


def _default(schema: Json) -> str:
    value = schema.get("default")
    return "" if value is None or value in ("", []) else msgspec.json.encode(value).decode().strip('"')


def _kind(schema: Json, schemas: Json) -> str:
    """Say in words what values there are."""
    if "$ref" in schema:
        return _kind(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("enum"):
        return " | ".join(str(value) for value in schema["enum"])
    for inner in ("allOf", "oneOf", "anyOf"):
        if schema.get(inner):
            return " or ".join(_kind(one, schemas) for one in schema[inner])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    kind = schema.get("type", "any")
    return {"date-time": "time"}.get(schema.get("format", ""), str(kind))


def _curls(method: str, path: str, operation: Json, bodies: list[Any], base_url: str) -> list[str]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", _path_example(parameter))
    start = f"curl {'' if method == 'get' else f'-X {method.upper()} '}{base_url}{path}"
    lines = [start]
    if operation.get("security") != [{}]:
        lines.append(f'-H "Authorization: Bearer {_PLACEHOLDER}"')
    if not bodies:
        return [" \\\n  ".join(lines)]
    lines.append('-H "Content-Type: application/json"')
    return [
        " \\\n  ".join([*lines, f"-d {shlex.quote(msgspec.json.encode(body).decode())}"]) for body in bodies
    ]


def _path_example(parameter: Json) -> str:
    examples = [one.get("value") for one in parameter.get("examples", {}).values()]
    return str(examples[0] if examples else sample(parameter["schema"], {}))


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
