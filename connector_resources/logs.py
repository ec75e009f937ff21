"""Log lines of long-running processes: JSON on standard error, with every known secret removed."""

from __future__ import annotations

import logging
import sys

import structlog

from connector_resources.transport.redaction import RedactingFilter, redact_event


def write_logs(level: str) -> None:
    """From now on write lines of `level` and above, our own and those of libraries. Raises `ValueError` for no level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactingFilter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
