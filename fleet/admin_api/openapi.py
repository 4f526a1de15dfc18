"""The OpenAPI 3.1 document, made of the endpoint declarations and their models."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from fleet.kit.http import FILES, IDEMPOTENCY_KEY, PREFIX, Endpoint, is_upload
from fleet.web.problems import CONTENT_TYPE, Problem

Json = dict[str, Any]
Key = tuple[type[BaseModel], JsonSchemaMode]
Schemas = Mapping[Any, Json]
"""JSON schemas by ``Key``; pydantic declares a wider type of key."""

COMPONENT = "#/components/schemas/{model}"
PATH_MARK = "{{{}}}"
NULLABLE = ("anyOf", "default")


@cache
def build_document(endpoints: tuple[Endpoint, ...]) -> Json:
    """Return the document of the endpoints, which the caller must not change.

    It is cached, because building it takes a tenth of a second.
    """
    schemas, components = models_json_schema(list(_models(endpoints)), ref_template=COMPONENT)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(PREFIX + endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cash server", "version": version("cash-server")},
        "paths": paths,
        "components": {
            "schemas": components["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(endpoints: tuple[Endpoint, ...]) -> Iterator[Key]:
    yield Problem, "serialization"
    for endpoint in endpoints:
        if endpoint.body and not is_upload(endpoint):
            yield endpoint.body, "validation"
        if endpoint.reply and endpoint.reply not in FILES:
            yield endpoint.reply, "serialization"


def _operation(endpoint: Endpoint, schemas: Schemas) -> Json:
    operation: Json = {
        "operationId": f"{endpoint.feature}_{endpoint.name}",
        "tags": [endpoint.feature],
        "summary": endpoint.summary,
        "parameters": [*_parameters(endpoint), *_headers(endpoint)],
        "responses": {
            str(endpoint.status): _answer(endpoint, schemas),
            "default": {
                "description": "Refused; nothing was changed.",
                "content": {CONTENT_TYPE: {"schema": schemas[Problem, "serialization"]}},
            },
        },
        "security": [] if endpoint.public else [{"bearer": []}],
    }
    needed = f"Needs the right `{endpoint.right}`." if endpoint.right else ""
    if told := " ".join(filter(None, (endpoint.description, needed))):
        operation["description"] = told
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": _content(endpoint, schemas)}
    return operation


def _content(endpoint: Endpoint, schemas: Schemas) -> Json:
    if is_upload(endpoint):
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": schemas[endpoint.body, "validation"]}}


def _answer(endpoint: Endpoint, schemas: Schemas) -> Json:
    if endpoint.reply is None:
        return {"description": "Done."}
    if endpoint.reply in FILES:
        return {"description": "A file.", "content": {kind: {} for kind in endpoint.files}}
    schema = schemas[endpoint.reply, "serialization"]
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _headers(endpoint: Endpoint) -> Iterator[Json]:
    if endpoint.repeatable:
        yield {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "required": False,
            "description": "The same key with the same request gets the same answer, with another "
            "request 409; remembered for 24 hours.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        }


def _parameters(endpoint: Endpoint) -> Iterator[Json]:
    schema = endpoint.query.model_json_schema()
    definitions = schema.get("$defs", {})
    for name, described in schema.get("properties", {}).items():
        typed = _without_null(_inlined(described, definitions))
        in_path = PATH_MARK.format(name) in endpoint.path
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path or name in schema.get("required", ()),
            "description": described.get("description", ""),
            "schema": typed,
            **({"style": "form", "explode": False} if typed.get("type") == "array" else {}),
        }


def _without_null(schema: Json) -> Json:
    """Return the schema without null, which a query string can only express by absence."""
    given = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(given) != 1:
        return schema
    return {**given[0], **{name: schema[name] for name in schema if name not in NULLABLE}}


def _inlined(schema: Any, definitions: Mapping[str, Json]) -> Any:
    """Return the schema with its (small, not recursive) definitions in place of references."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(item, definitions) for name, item in schema.items()}
