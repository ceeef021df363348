"""`serve`: a folder over HTTP."""

import argparse
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.arguments import Parser

SUMMARY = "answer over HTTP by a folder that needs no TensorFlow"
ALSO_CALLED = ("server", "http", "api", "deploy")
PORT, LARGEST_PORT = 8000, 65535
# Of each limit its option and what it bounds; defaults stand in `Limits`.
LIMITS = {
    "body_bytes": ("--max-body", "BYTES", "Of a request's body; more is refused with 413."),
    "strings": ("--max-strings", "N", "Sources of one request; more are refused with 413."),
    "characters": ("--max-characters", "N", "Of one source or prefix; more are refused with 422, which names it."),
    "answer_bytes": ("--max-answer", "BYTES", "Of the answer to one request; a longer one is refused with 413."),
    "queue": ("--max-queue", "N", "Strings of all requests that wait; more are refused with 503 and Retry-After."),
    "connections": ("--max-connections", "N", "Open at the same time; more are refused with 503."),
    "seconds": ("--timeout", "SECONDS", "For the answer to one request; then 504, and its strings are dropped."),
    "body_seconds": ("--body-timeout", "SECONDS", "For the head of a request to come, and for its body; then 408."),
    "grace": ("--grace", "SECONDS", "For what has been taken when SIGTERM or Ctrl-C comes; then 503."),
}


def make_parser() -> "Parser":
    """Of `serve`: folder, address, workers, limits."""
    from pathlib import Path

    from pipeline.options.arguments import Parser, positive
    from pipeline.process.environment import usable_cores
    from pipeline.serving.limits import Limits

    parser = Parser(
        "serve",
        "Answer strings over HTTP: POST /predict takes them; GET /ready, /health, /model, /metrics and /openapi.json "
        "tell of the server. Requests take turns, a string each, so that a long one delays nobody. There is no "
        "authentication and no TLS: outside of this machine it belongs behind a proxy. docs/server.md has examples.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, help="What export --format litert or onnx wrote, also in a store."
    )
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen at; left out: %(default)s.")
    port = "0 takes a free one, and says which; left out: %(default)s."
    parser.add_argument("--port", metavar="N", type=_port, default=PORT, help=port)
    cores = usable_cores()
    threads = "Strings at a time; left out: the usable cores."
    parser.add_argument("--workers", metavar="N", type=positive, default=cores, help=threads)
    group = parser.add_argument_group("limits")
    for key, (option, unit, explained) in LIMITS.items():
        default = int(Limits._field_defaults[key])
        what = f"{explained} Left out: %(default)s."
        group.add_argument(option, metavar=unit, dest=key, type=positive, default=default, help=what)
    return parser


def _port(text: str) -> int:
    from pipeline.options.arguments import whole

    if whole(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be at most {LARGEST_PORT}")
    return whole(text)


def parse(argv: list[str]) -> argparse.Namespace:
    """folder, host, port, workers, and a value for each of `LIMITS`."""
    return make_parser().parse_args(argv)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Serve until SIGTERM or Ctrl-C comes.

    Raises:
        UsageError: Among others, a package is missing.
    """
    from pipeline.serving.limits import Limits

    try:
        from pipeline.serving.server import serve_folder
    except ImportError as error:
        if (error.name or "").startswith("pipeline"):
            raise
        raise UsageError(
            f"serve: {error.name or 'a library'} cannot be imported ({error}): "
            "python -m pip install -r requirements-serve.txt, or pip install 'attentif[serve]'"
        ) from error
    from pipeline.remote_runs.reading import local_model

    limits = Limits(**{key: getattr(arguments, key) for key in LIMITS})
    serve_folder(local_model(arguments.folder), arguments.host, arguments.port, arguments.workers, limits)
