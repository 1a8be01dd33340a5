"""The OpenAPI description: the framework's, made from the handlers, put into the shape that readers and generators want."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

Json = dict[str, Any]
_GENERIC = re.compile(r"(?P<outer>\w+)_(?:[\w.]+\.)?(?P<inner>\w+?)_$")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_DEEPEST = 8


class Description:
    """Made when first asked for: it takes 50 ms, which no start has to spare."""

    def __init__(
        self,
        routes: Callable[[], Sequence[ControllerRouterHandler]],
        dependencies: Mapping[str, Provide],
        config: OpenAPIConfig,
    ) -> None:
        self._routes = routes
        self._dependencies = dependencies
        self._config = config
        self._document: Json | None = None

    def document(self) -> Json:
        """Return the whole description (OpenAPI 3.1)."""
        if self._document is None:
            # An application of its own: the one that serves is spared the framework's pages.
            app = Litestar(
                route_handlers=self._routes(),
                dependencies=self._dependencies,
                openapi_config=self._config,
                logging_config=None,
            )
            self._document = _tidy(app.openapi_schema.to_schema())
        return self._document


def sample(schema: Json, schemas: Json, *, depth: int = 0) -> Any:  # noqa: ANN401 -- any JSON
    """Make up a value of a schema: from its examples where there are any."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth=depth)
    for known in ("example", "const", "default"):
        if schema.get(known) is not None:
            return schema[known]
    for several in ("examples", "enum"):
        if schema.get(several):
            return schema[several][0]
    for inner in ("allOf", "oneOf", "anyOf"):
        if schema.get(inner):
            return sample(schema[inner][0], schemas, depth=depth)
    return _made_up(schema, schemas, depth)


def _made_up(schema: Json, schemas: Json, depth: int) -> Any:  # noqa: ANN401 -- any JSON
    kind = schema.get("type")
    if kind == "object":
        if depth > _DEEPEST:
            return {}
        members = schema.get("properties", {})
        return {name: sample(member, schemas, depth=depth + 1) for name, member in members.items()}
    if kind == "array":
        return [] if depth > _DEEPEST else [sample(schema.get("items", {}), schemas, depth=depth + 1)]
    return {"integer": 0, "number": 0, "boolean": True, "string": ""}.get(str(kind))


def _tidy(document: Json) -> Json:
    schemas = document["components"]["schemas"]
    names = {name: _plain(name) for name in schemas}
    document = _rename(
        document, {f"#/components/schemas/{old}": f"#/components/schemas/{new}" for old, new in names.items()}
    )
    schemas = {names[name]: schema for name, schema in document["components"]["schemas"].items()}
    for name, schema in schemas.items():
        schema["title"] = name
        for member in schema.get("properties", {}).values():
            member.pop("title", None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                _tidy_operation(operation, schemas)
    return document


def _tidy_operation(operation: Json, schemas: Json) -> None:
    operation.pop("deprecated", None)
    for parameter in operation.get("parameters", []):
        parameter.pop("deprecated", None)
        parameter["schema"].pop("description", None)
    operation["responses"] = {
        status: response
        for status, response in operation["responses"].items()
        if not _is_the_frameworks(response)
    }
    for status, response in operation["responses"].items():
        for header in response.get("headers", {}).values():
            header.setdefault("schema", {"type": "string"})
        for content in response.get("content", {}).values():
            for example in content.get("examples", {}).values():
                example.pop("id", None)
            if status.startswith("2") and "$ref" in content.get("schema", {}):
                content["example"] = sample(content["schema"], schemas)
        if status.startswith("2"):
            response["description"] = "Done."
    body = operation.get("requestBody")
    if body is not None:
        _tidy_body(body)


def _is_the_frameworks(response: Json) -> bool:
    """Say whether this is the framework's own validation error, which no caller ever gets."""
    contents = response.get("content", {}).values()
    return any("status_code" in content.get("schema", {}).get("properties", {}) for content in contents)


def _tidy_body(body: Json) -> None:
    """Take the examples out of the schema into their place beside it."""
    for content in body["content"].values():
        schema = content["schema"]
        if "allOf" not in schema:
            continue
        content["schema"] = schema["allOf"][0]
        content["examples"] = {
            f"example_{number}": {"value": value}
            for number, value in enumerate(schema.get("examples", []), 1)
        }
        if "description" in schema:
            body["description"] = schema["description"]


def _plain(name: str) -> str:
    """Return ``KeyAnswer`` for ``Answer_keyturn…KeyObject_`` and ``Key`` for ``KeyObject``."""
    generic = _GENERIC.match(name)
    if generic is not None:
        return generic["inner"].removesuffix("Object") + generic["outer"]
    return name.removesuffix("Object")


def _rename(value: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        return {key: _rename(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rename(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value
