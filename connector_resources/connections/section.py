"""What every part of a connection file has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

OFF = "off"


class Section(BaseModel):
    """A part of the file: unknown fields are errors, because a misspelt setting must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _read_off(cls, values: Any) -> Any:
        """YAML 1.1 reads a bare `off` as false, Dagster's loader of component files too; it means the word here."""
        if not isinstance(values, Mapping):
            return values
        words = {name for name, field in cls.model_fields.items() if _has_off(field.annotation)}
        return {name: OFF if value is False and name in words else value for name, value in values.items()}


def _has_off(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and OFF in get_args(annotation)
