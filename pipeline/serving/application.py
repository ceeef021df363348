"""The addresses of the server, and what each answers; nothing of it comes from elsewhere."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from pipeline.serving.connection import error_body
from pipeline.serving.questions import Question
from pipeline.serving.service import Service
from pipeline.version import __version__

_ERRORS = {
    408: "The body came too slowly",
    413: "More than the limits allow",
    422: "What was sent cannot be answered; the message says why",
    500: "The model fails at a string",
    503: "Too much waits, or the server begins or ends; Retry-After has seconds",
    504: "No answer in time",
}


def make_application(service: Service) -> FastAPI:
    """What uvicorn runs."""
    # FastAPI's pages of documentation load their scripts from elsewhere.
    app = FastAPI(title="Attentif", version=__version__, docs_url=None, redoc_url=None)
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    content = {"application/json": {"schema": error}}
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": words, "content": content} for code, words in _ERRORS.items()
    }
    asked = {"required": True, "content": {"application/json": {"schema": Question.model_json_schema()}}}

    # The body is read by hand, since FastAPI would read it whole, however long it is.
    @app.post("/predict", response_model=None, responses=responses, openapi_extra={"requestBody": asked})
    async def predict(request: Request) -> Response:
        """The objects that `predict --json` writes, in the order of the sources, as `predictions`."""
        return await service.predict(request)

    @app.get("/health")
    async def health() -> dict[str, bool]:
        """That the process lives."""
        return {"alive": True}

    @app.get("/ready")
    async def ready() -> Response:
        """Whether requests are taken: 503 until the model has answered once, and when the server ends."""
        return JSONResponse({"ready": service.ready}, 200 if service.ready else 503)

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What answers: kind, limits of length, settings of text and search."""
        return service.describe()

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> str:
        """Counts, as Prometheus reads them."""
        return service.counts.show(service.turns.waiting, service.ready)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        message = f"{request.method} {request.url.path}: {error.detail}"
        return Response(error_body(message), error.status_code, error.headers, "application/json")

    return app
