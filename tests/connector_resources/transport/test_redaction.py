"""What must never be shown is removed, and what helps a reader stays."""

from __future__ import annotations

import io
import json
import logging
import secrets
import string
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connector_resources.transport.redaction import (
    MOST_SECRETS,
    REDACTED,
    RedactingFilter,
    redact,
    redact_event,
    register_secret,
)

CANARY = "S3cr3t-canary_0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"authorization: Basic {CANARY}==",
        f"{{'Authorization': 'Bearer {CANARY}', 'Accept': '*/*'}}",
        f'{{"authorization":"Bearer {CANARY}"}}',
        f"('authorization', 'Bearer {CANARY}')",
        f"called with bearer {CANARY} today",
        f'{{"access_token": "{CANARY}", "expires_in": 900}}',
        f'{{"client_secret":"a\\"{CANARY}"}}',
        f"grant_type=refresh_token&refresh_token={CANARY}&client_id=x",
        f"https://connect.example/cb?code={CANARY}&state=1",
        f"Webhook-Signature={CANARY}",
    ],
)
def test_a_credential_is_removed_where_credentials_are_written(text: str) -> None:
    once = redact(text)
    assert CANARY not in once
    assert REDACTED in once
    assert redact(once) == once


def test_a_registered_value_is_removed_wherever_it_stands() -> None:
    token = secrets.token_urlsafe(24)
    register_secret(f" {token}\n")
    assert redact(f"odd place: <{token}>!") == f"odd place: <{REDACTED}>!"


def test_the_longer_of_two_overlapping_secrets_leaves_no_rest() -> None:
    short = secrets.token_hex(8)
    register_secret(short)
    register_secret(short + "-and-more-of-it")
    assert redact(f"x {short}-and-more-of-it y") == f"x {REDACTED} y"


def test_short_values_are_not_registered() -> None:
    register_secret("paid")
    assert redact("the payment was paid") == "the payment was paid"


def test_only_so_many_secrets_are_remembered() -> None:
    tokens = [secrets.token_hex(8) for _ in range(MOST_SECRETS + 1)]
    for token in tokens:
        register_secret(token)
    assert redact(tokens[0]) == tokens[0]
    assert redact(tokens[-1]) == REDACTED


@pytest.mark.parametrize(
    "iban",
    ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "fr1420041010050500013m02606", "NO9386011117947"],
)
def test_an_iban_is_removed_and_its_neighbours_stay(iban: str) -> None:
    assert redact(f"paid from {iban} EUR 12") == f"paid from {REDACTED} EUR 12"


@pytest.mark.parametrize(
    "text",
    [
        "PM0123ABCDEFGH was confirmed",
        "EV01HXYZABCDEFGHJKMNPQRSTV",
        "DE00370400440532013000",
        "POST /payments/PM123/actions/cancel -> 200 in 0.1 s",
        "code 422 mandate_is_inactive",
        '{"code": "mandate_is_inactive", "status": "422"}',
        "basic information is missing",
        "3 invoices of 2026-03-02, reference ACME-8G7Q8",
    ],
)
def test_ids_and_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


TEXTS = st.text(alphabet=string.printable, max_size=80)


@given(TEXTS, st.sampled_from(["Bearer ", "token=", "Authorization: ", "authorization: basic "]), TEXTS)
def test_no_surrounding_text_saves_a_credential(before: str, name: str, after: str) -> None:
    assert CANARY not in redact(f"{before} {name}{CANARY} {after}")


def test_a_log_event_is_cleaned_in_every_depth() -> None:
    event: dict[str, Any] = {
        "event": f"sent Bearer {CANARY}",
        "headers": {"Authorization": CANARY, "accept": "*/*"},
        "raw": f"token={CANARY}".encode(),
        "list": [{"refresh_token": CANARY}, ("Basic " + CANARY,)],
        "error": ValueError(f"client_secret={CANARY}"),
        "count": 3,
        "nothing": None,
    }
    cleaned = redact_event(None, "info", event)
    assert CANARY not in json.dumps(cleaned)
    assert (cleaned["count"], cleaned["nothing"], cleaned["headers"]["accept"]) == (3, None, "*/*")


def test_structlog_lines_with_exceptions_are_cleaned() -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[structlog.processors.format_exc_info, redact_event, structlog.processors.JSONRenderer()],
    )
    try:
        raise RuntimeError(f"access_token={CANARY}")
    except RuntimeError:
        log.exception("failed", authorization=f"Bearer {CANARY}")
    assert CANARY not in out.getvalue()
    assert "RuntimeError" in out.getvalue()


def test_lines_of_the_standard_logging_module_are_cleaned() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("canary")
    logger.addHandler(handler)
    try:
        raise RuntimeError(f"Bearer {CANARY}")
    except RuntimeError:
        logger.exception("token=%s", CANARY)
    finally:
        logger.removeHandler(handler)
    assert CANARY not in out.getvalue()
    assert "RuntimeError" in out.getvalue()
