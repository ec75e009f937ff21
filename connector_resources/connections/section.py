"""What every part of a connection file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file: unknown fields are errors, because a misspelt setting must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
