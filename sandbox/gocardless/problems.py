"""Refusals in the shape of GoCardless's error body (gocardless.md section 6.1). Raising one ends the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DOCUMENTATION_URL = "https://developer.gocardless.com/api-reference"


class ApiProblem(Exception):
    """Answered with `status` and an error of `kind`; `errors` are the entries of `error.errors`."""

    def __init__(self, status: int, kind: str, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        self.status = status
        self.kind = kind
        self.message = message
        self.errors = [dict(entry) for entry in errors]
        super().__init__(f"{status} {kind}: {message}")

    def body(self, request_id: str) -> dict[str, Any]:
        anchor = self.errors[0].get("reason", self.kind) if self.errors else self.kind
        error: dict[str, Any] = {
            "message": self.message,
            "documentation_url": f"{DOCUMENTATION_URL}#{anchor}",
            "type": self.kind,
            "request_id": request_id,
            "code": self.status,
            "errors": self.errors,
        }
        return {"error": error}


def invalid_usage(status: int, reason: str, message: str) -> ApiProblem:
    """The caller used the API wrongly: our bug, a broken token, or a path that does not exist."""
    return ApiProblem(status, "invalid_api_usage", message, [{"reason": reason, "message": message}])


def invalid_state(
    reason: str, message: str, links: Mapping[str, str] | None = None, status: int = 422, kind: str = "invalid_state"
) -> ApiProblem:
    """The resource is not in a state that allows it; `links` name the other resource where there is one."""
    entry: dict[str, Any] = {"reason": reason, "message": message}
    if links:
        entry["links"] = dict(links)
    return ApiProblem(status, kind, message, [entry])


def invalid_filters(message: str) -> ApiProblem:
    return invalid_usage(400, "invalid_filters", message)


def not_found(what: str, identity: str) -> ApiProblem:
    return invalid_usage(404, "resource_not_found", f"{what} {identity} not found")


def idempotent_conflict(resource_id: str) -> ApiProblem:
    return invalid_state(
        "idempotent_creation_conflict",
        "A resource has already been created with this idempotency key",
        {"conflicting_resource_id": resource_id},
        status=409,
    )


class FieldErrors:
    """Collects every bad field of a document, then refuses once. `envelope` starts the request pointers."""

    def __init__(self, envelope: str) -> None:
        self.envelope = envelope
        self.entries: list[dict[str, str]] = []

    def add(self, field: str, message: str) -> None:
        pointer = f"/{self.envelope}/{field.replace('.', '/')}"
        self.entries.append({"field": field.rsplit(".", 1)[-1], "message": message, "request_pointer": pointer})

    def refuse_if_any(self) -> None:
        """Raises the 422 `validation_failed` when something was added."""
        if self.entries:
            raise ApiProblem(422, "validation_failed", "Validation failed", self.entries)
