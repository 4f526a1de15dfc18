"""The page ``/api/docs``: Swagger UI for the OpenAPI document, served entirely by this server."""

from importlib.util import find_spec
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cash server API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "v1/openapi.json", dom_id: "#api", validatorUrl: null});\n'

ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")

# Swagger UI uses inline styles and has its icons in data URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


def add_docs(app: web.Application) -> None:
    app.router.add_get("/api/docs", _text(PAGE, "text/html"))
    app.router.add_get("/api/docs/start.js", _text(START, "text/javascript"))
    for name in ASSETS:
        app.router.add_get(f"/api/docs/{name}", _file(_assets_folder() / name))


def _assets_folder() -> Path:
    # Located, not imported: the package's own code is for other web frameworks.
    spec = find_spec("swagger_ui")
    assert spec is not None and spec.submodule_search_locations, "swagger-ui-py is not installed"
    return Path(spec.submodule_search_locations[0]) / "static"


def _text(text: str, content_type: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY}
        return web.Response(text=text, content_type=content_type, headers=headers)

    return handle


def _file(path: Path) -> Handler:
    async def handle(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(path, headers={"Cache-Control": "max-age=86400"})

    return handle
