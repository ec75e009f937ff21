"""Removes secrets and bank account numbers from text before it is logged, shown or put into an error message.

Three nets: values registered while running (every token and credential as it is read), the places where secrets are
usually written (headers, form fields, JSON keys), and IBANs by their shape and check digits.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from typing import Any

REDACTED = "[redacted]"
#: shorter values would blank out ordinary words; no credential of the supported systems is that short.
SHORTEST_SECRET = 8
#: tokens are replaced every few minutes; the oldest ones are forgotten beyond this.
MOST_SECRETS = 4_096

_KEYS = (
    "access_token|refresh_token|id_token|token|client_secret|client_assertion|password|passwd|api_key|apikey|secret|"
    "code_verifier|session_token|signing_secret|webhook_secret|vault_key|authorization|proxy-authorization|"
    "webhook-signature|set-cookie|cookie"
)
_SENSITIVE_KEY = re.compile(rf"(?:{_KEYS})", re.IGNORECASE)
_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization\b[\"']?\s*[:=,]\s*[\"']?)(?!\[redacted\])"
    r"(?:(?:bearer|basic|digest|token)\s+)?[^\s\"',;)}\]]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<name>bearer(?=\s+\S{8})|basic(?=\s+\S{16}))\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_REDIRECT_CODE = re.compile(r"(?P<name>[?&]code=)[^&\s\"'<>]+")
_JSON_FIELD = re.compile(
    rf"(?P<name>[\"'](?:{_KEYS})[\"']\s*:\s*)(?P<quote>[\"'])(?:\\.|(?!(?P=quote)).)*(?P=quote)", re.I
)
_FORM_FIELD = re.compile(rf"(?P<name>(?<![A-Za-z0-9_-])(?:{_KEYS})=)[^&\s\"'<>]+", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}")

#: lengths from the IBAN registry (SWIFT), so that a word after an IBAN is not taken for a part of it.
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip


def redact(text: str) -> str:
    """`text` with every registered secret, credential field, authorization header and valid IBAN replaced."""
    text = _known.remove_from(text)
    text = _HEADER.sub(lambda found: found["name"] + REDACTED, text)
    text = _SCHEME.sub(lambda found: f"{found['name']} {REDACTED}", text)
    text = _JSON_FIELD.sub(lambda found: f"{found['name']}{found['quote']}{REDACTED}{found['quote']}", text)
    text = _FORM_FIELD.sub(lambda found: found["name"] + REDACTED, text)
    text = _REDIRECT_CODE.sub(lambda found: found["name"] + REDACTED, text)
    return _IBAN.sub(_without_iban, text)


def register_secret(value: str) -> None:
    """Remember `value` as one that must never be shown. Values shorter than eight characters are not remembered."""
    _known.add(value)


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; place it last before the renderer, after exceptions were turned into text."""
    return {key: _redact_value(key, value) for key, value in event.items()}


class RedactingFilter(logging.Filter):
    """For handlers of the standard logging module, so that libraries' log lines are cleaned as well."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


class _KnownSecrets:
    """The registered values, newest last. The longest is replaced first, so that no rest of one remains."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[str, None] = OrderedDict()
        self._longest_first: tuple[str, ...] | None = None

    def add(self, value: str) -> None:
        value = value.strip()
        if len(value) < SHORTEST_SECRET:
            return
        with self._lock:
            if value in self._values:
                self._values.move_to_end(value)
                return
            self._values[value] = None
            while len(self._values) > MOST_SECRETS:
                self._values.popitem(last=False)
            self._longest_first = None

    def remove_from(self, text: str) -> str:
        # One search for each value: a pattern of them all takes seconds to compile, and tokens come every few minutes.
        with self._lock:
            if self._longest_first is None:
                self._longest_first = tuple(sorted(self._values, key=len, reverse=True))
            values = self._longest_first
        for value in values:
            if value in text:
                text = text.replace(value, REDACTED)
        return text


_known = _KnownSecrets()


def _redact_value(key: str, value: Any) -> Any:
    if value is not None and _SENSITIVE_KEY.fullmatch(key):
        return REDACTED
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {inner: _redact_value(str(inner), item) for inner, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redact_value("", item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    return redact(str(value))


def _without_iban(found: re.Match[str]) -> str:
    text = found[0]
    places = [index for index, character in enumerate(text) if character.isalnum()]
    length = _IBAN_LENGTHS.get(text[:2].upper(), len(places))
    if len(places) < length or not _check_digits_fit("".join(text[place] for place in places[:length])):
        return text
    return REDACTED + text[places[length - 1] + 1 :]


def _check_digits_fit(iban: str) -> bool:
    """ISO 7064 mod 97-10, as ISO 13616 prescribes for IBANs."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
