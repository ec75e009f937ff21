"""What one process takes from its environment: where state lives, which database, which vault key. Nothing else reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment variables with the prefix `CONNECTOR_`.

    `CONNECTOR_HOME` holds everything a deployment owns: connection files, the default database, the vault key, reports.
    """

    model_config = SettingsConfigDict(env_prefix="CONNECTOR_", extra="ignore")

    home: Path = Field(default=Path(".connector"), description="Directory of connection files, database, key, reports.")
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the store, such as postgresql://user@host/db. Default: SQLite in the home.",
    )
    vault_key: SecretStr | None = Field(default=None, description="Vault key, 32 bytes in base64; wins over the file.")
    vault_key_command: str | None = Field(
        default=None,
        description="Command that prints the vault key, such as the one that reads your secret store; it is started without "
        "a shell and wins over the file.",
    )
    vault_key_file: Path | None = Field(
        default=None, description="File with the vault key. Default: vault.key in home."
    )
    dagster_home: Path | None = Field(
        default=None, validation_alias="DAGSTER_HOME", description="Dagster's own home; without it runs are not kept."
    )
    sandbox_clock: Path | None = Field(
        default=None,
        description="File that says by how many seconds the clock stands ahead of the machine's; kept by stand-ins that let "
        "a month pass in minutes. Refused unless every connection reaches nothing but stand-ins on this machine.",
    )
    ui_url: str | None = Field(
        default=None,
        description="Address at which people open Dagster, such as https://dagster.example; alerts link to runs there.",
    )
    smtp_host: str | None = Field(default=None, description="Mail server that takes alerts; without it none is mailed.")
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How mail is encrypted: starttls, tls; none is for this machine only."
    )
    smtp_user: str | None = Field(
        default=None,
        description="Log-in name at the mail server; the password is in the vault (`alerts.smtp_password`).",
    )
    mail_from: str | None = Field(default=None, description="Sender of alerts.")
    log_level: str = Field(default="INFO", description="Least severe log level that is written.")

    @property
    def root(self) -> Path:
        return self.home.expanduser().resolve()

    @property
    def connections_dir(self) -> Path:
        return self.root / "connections"

    @property
    def reports_dir(self) -> Path:
        return self.root / "reports"

    @property
    def components_dir(self) -> Path:
        """Where connections live that are kept as Dagster components, next to the code."""
        return Path(__file__).parent.parent / "connector" / "defs"

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.root / 'connector.sqlite'}"

    @property
    def key_file(self) -> Path:
        return self.vault_key_file or self.root / "vault.key"
