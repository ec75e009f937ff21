"""Checks of request fields that several resources share (checklist 10.1.8). Each adds to the errors, none raises."""

from __future__ import annotations

import re
from collections.abc import Collection as Values
from collections.abc import Mapping
from datetime import date
from typing import Any

from sandbox.gocardless.problems import FieldErrors, invalid_usage
from sandbox.gocardless.schemes import CURRENCIES, Scheme

MAX_METADATA_KEYS = 3
MAX_METADATA_KEY = 50
MAX_METADATA_VALUE = 500
_REFERENCE = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9 ./&-]*[A-Za-z0-9])?$")


def check_metadata(errors: FieldErrors, fields: Mapping[str, Any]) -> None:
    metadata = fields.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        errors.add("metadata", "must be an object")
        return
    if len(metadata) > MAX_METADATA_KEYS:
        errors.add("metadata", f"must have at most {MAX_METADATA_KEYS} keys")
    for key, value in metadata.items():
        if len(key) > MAX_METADATA_KEY:
            errors.add("metadata", f"keys must have at most {MAX_METADATA_KEY} characters")
        if not isinstance(value, str):
            errors.add("metadata", "values must be strings")
        elif len(value) > MAX_METADATA_VALUE:
            errors.add("metadata", f"values must have at most {MAX_METADATA_VALUE} characters")


def check_amount(errors: FieldErrors, fields: Mapping[str, Any], name: str = "amount", required: bool = True) -> None:
    value = fields.get(name)
    if value is None:
        if required:
            errors.add(name, "can't be blank")
    elif not isinstance(value, int) or isinstance(value, bool):
        errors.add(name, "must be a whole number of minor units")
    elif value <= 0:
        errors.add(name, "must be greater than 0")


def check_currency(errors: FieldErrors, fields: Mapping[str, Any], scheme: Scheme | None = None) -> None:
    value = fields.get("currency")
    if value is None:
        errors.add("currency", "can't be blank")
    elif value not in CURRENCIES:
        errors.add("currency", "is not a supported currency")
    elif scheme is not None and value != scheme.currency:
        errors.add("currency", f"must be {scheme.currency} for a {scheme.name} mandate")


def check_reference(errors: FieldErrors, text: Any, scheme: Scheme, name: str = "reference") -> None:
    """Length per scheme and the character rules of gocardless.md section 3.4."""
    if text is None:
        return
    if not isinstance(text, str):
        errors.add(name, "must be a string")
    elif scheme.reference_limit == 0:
        errors.add(name, f"cannot be set for {scheme.name}")
    elif len(text) > scheme.reference_limit:
        errors.add(name, f"must have at most {scheme.reference_limit} characters for {scheme.name}")
    elif len(text) < 2 or len(set(text)) == 1 or not _REFERENCE.match(text):
        errors.add(name, "must be letters and digits, more than one and not all the same, without outer spaces")


def check_text(
    errors: FieldErrors, fields: Mapping[str, Any], name: str, most: int = 255, required: bool = False
) -> None:
    value = fields.get(name)
    if value is None or value == "":
        if required:
            errors.add(name, "can't be blank")
    elif not isinstance(value, str):
        errors.add(name, "must be a string")
    elif len(value) > most:
        errors.add(name, f"must have at most {most} characters")


def read_date(errors: FieldErrors, fields: Mapping[str, Any], name: str) -> date | None:
    """The date, or None with an error added when the text is none."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        errors.add(name, "must be a date such as 2026-06-01")
        return None


def check_known(errors: FieldErrors, fields: Mapping[str, Any], known: Values[str]) -> None:
    """Misspelt fields are refused: silently dropping one would hide a caller's bug."""
    for name in fields:
        if name not in known:
            errors.add(name, "is not a known field")


def read_links(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Raises 400 when `links` is no object, or names something by anything but a text (trap in section 6.1)."""
    links = fields.get("links")
    if links is None:
        return {}
    if not isinstance(links, dict) or not all(isinstance(value, str) and value for value in links.values()):
        raise invalid_usage(400, "invalid_type", "The links of your request are incorrectly typed")
    return links
