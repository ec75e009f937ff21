"""Comparisons of secrets take the same way whatever is compared: told by the calls, not by a clock."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from connector_resources.gocardless import webhook


def test_a_signature_is_compared_in_constant_time_with_every_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    real = hmac.compare_digest
    assert type(real).__name__ == "builtin_function_or_method", "the comparison is another one already"

    def counting(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return real(left, right)

    monkeypatch.setattr(webhook.hmac, "compare_digest", counting)
    secrets = ["first-secret", "second-secret", "third-secret"]
    raw = b'{"events":[]}'
    right = hmac.new(b"first-secret", raw, "sha256").hexdigest()

    for header, fits in ((right, True), ("0" * 64, False), (right[:-1] + "x", False)):
        compared.clear()
        assert webhook.verify_signature(raw, header, secrets) is fits
        assert len(compared) == len(secrets)
