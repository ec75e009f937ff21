"""What may stand in the texts of a DATEV file: code page 1252, no control characters, and the set of Belegfeld 1.

Only characters are decided here; which text goes where is the matter of `bookings` and `debtors`.
"""

from __future__ import annotations

import re
import unicodedata

TEXT_LENGTH = 60
DOCUMENT_NUMBER_LENGTH = 36

#: of a cell that calculates; control characters, the other ones, are gone before.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@")

_DOCUMENT_NUMBER = re.compile(r"[A-Za-z0-9$&%*+\-/]{1,36}")
_NOT_IN_DOCUMENT_NUMBER = re.compile(r"[^A-Za-z0-9$&%*+\-/]")
#: letters without a decomposition that a reader expects to see as these
_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "n", "Ŋ": "N", "ĸ": "k", "\u2212": "-"}
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS"})


def clean_text(text: str, limit: int = TEXT_LENGTH) -> str:
    """`text` in code page 1252, on one line, at most `limit` characters.

    Characters the code page lacks lose their marks; what is then still foreign becomes `?` (datev.md 9). A text that a
    spreadsheet would take for a formula, were the file opened in one, begins with an apostrophe.
    """
    if not (text.isascii() and text.isprintable()):
        text = _encodable(unicodedata.normalize("NFC", text))
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    if text[:1] in _FORMULA_BEGINNINGS and len(text) > 1:
        text = f"'{text}"
    return text if len(text) <= limit else text[:limit].rstrip()


def document_number(reference: str) -> str:
    """`reference` in the characters of Belegfeld 1: umlauts written out, everything else a hyphen, at most 36 long.

    Empty when nothing of the reference is left. Two references may meet in one result: the caller must look.
    """
    if _DOCUMENT_NUMBER.fullmatch(reference):
        return reference
    text = unicodedata.normalize("NFC", reference.strip()).translate(_UMLAUTS).translate(_LETTERS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    mapped = _NOT_IN_DOCUMENT_NUMBER.sub("-", text)[:DOCUMENT_NUMBER_LENGTH]
    return mapped if mapped.strip("-") else ""


def _encodable(text: str) -> str:
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c for c in text)
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return "".join(_nearest(c) for c in text)
    return text


def _nearest(character: str) -> str:
    for candidate in (character, character.translate(_LETTERS), unicodedata.normalize("NFKD", character)):
        bare = "".join(c for c in candidate if not unicodedata.combining(c)) if candidate != character else candidate
        try:
            bare.encode("cp1252")
        except UnicodeEncodeError:
            continue
        if bare:
            return bare
    # A mark on its own (combining) says nothing without its letter.
    return "" if unicodedata.combining(character) else "?"
