"""What every part of a connection file has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator

OFF = "off"
ON = "on"
VAULT_NAME = r"^[a-z][a-z0-9_]{1,59}$"

#: under which the vault keeps a credential; the credential itself is never in the file.
VaultName = Annotated[str, Field(pattern=VAULT_NAME)]


class Section(BaseModel):
    """A part of the file: unknown fields are errors, because a misspelt setting must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _read_words(cls, values: Any) -> Any:
        """YAML 1.1 reads a bare `off` as false and `on` as true, Dagster's loader of component files too; here they are words."""
        if not isinstance(values, Mapping):
            return values
        words = {name for name, field in cls.model_fields.items() if _has_off(field.annotation)}
        named = {ON if name is True and ON in cls.model_fields else name: value for name, value in values.items()}
        return {name: OFF if value is False and name in words else value for name, value in named.items()}


def refuse(problems: Iterable[str]) -> None:
    """For a validator that has looked at everything: raises one `ValueError` with a line for each problem, if any."""
    found = list(problems)
    if found:
        raise ValueError("\n".join(found))


def _has_off(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and OFF in get_args(annotation)
