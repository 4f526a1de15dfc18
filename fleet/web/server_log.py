"""Errors that the HTTP library logs, as structured lines of the server's own log."""

import logging
from typing import Final

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

log = structlog.get_logger(__name__)


class _LibraryLogHandler(logging.Handler):
    """A log handler that records a client's malformed request without a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | RequestPayloadError):
            log.info("request_unreadable", error=type(error).__name__)
        else:
            log.error("http_server", said=record.getMessage(), exc_info=error)


def _install_handler() -> logging.Logger:
    logger = logging.getLogger(__name__)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [_LibraryLogHandler()]
    return logger


SERVER_LOG: Final = _install_handler()
