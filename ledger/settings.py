"""Settings, read once at the entry point and handed down frozen. Every one is an environment variable `LEDGER_...`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.core.errors import BadInput

EMBEDDED = "embedded"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
MAX_ORIGIN_BYTES = 239  # `/index` and `/receipt` follow within a key name's 255


def _ledger_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a ledger's name is lower-case letters, digits and hyphens, at most 63")
    return name


class Settings(BaseSettings):
    """What an operator sets. `embedded` as an address means the local servers of `make up`."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", frozen=True, extra="ignore")

    name: Annotated[str, AfterValidator(_ledger_name)] = "main"
    home: Path = Path(".ledger")
    keys: Path | None = None
    origin: str = "ledger.example/log/{ledger}"

    database_url: str = EMBEDDED
    vault_url: str = EMBEDDED
    migrate_database_url: str | None = None
    migrate_vault_url: str | None = None

    kafka_bootstrap: str = EMBEDDED
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = None
    kafka_ssl_cafile: Path | None = None
    topic_prefix: str = ""
    topic_partitions: Annotated[int, Field(ge=1, le=1000)] = 3
    topic_retention_days: Annotated[int, Field(ge=1)] = 7
    dead_letter_retention_days: Annotated[int, Field(ge=1)] = 7
    repair_hours: Annotated[int, Field(ge=1)] = 24
    backup_retention_days: Annotated[int, Field(ge=0)] = 7
    suppression_days: Annotated[int, Field(ge=0)] = 365
    create_topics: bool | None = None

    batch_records: Annotated[int, Field(ge=1, le=2000)] = 2000
    batch_bytes: Annotated[int, Field(ge=65_536)] = 4 * 1024 * 1024
    worker_preparation: Literal["process", "inline"] = "process"
    lease_seconds: Annotated[float, Field(gt=0)] = 10.0
    slice_leaves: Annotated[int, Field(ge=1000)] = 1_000_000

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8470
    api_allow_remote: bool = False
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8471
    worker_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    api_token_file: Path | None = None

    @property
    def keys_directory(self) -> Path:
        return self.keys or self.home / "keys"

    @property
    def token_file(self) -> Path:
        return self.api_token_file or self.home / "run" / "api.token"

    @property
    def run_directory(self) -> Path:
        return self.home / "run"

    def origin_of(self, ledger: str) -> str:
        """The log's origin; at most 239 bytes, no spaces, no plus sign (C2SP signed-note key names)."""
        origin = self.origin.replace("{ledger}", ledger)
        if (
            len(origin.encode()) > MAX_ORIGIN_BYTES
            or not origin.isprintable()
            or set(origin) & set(' +"\\')
            or not origin
        ):
            raise BadInput(
                "LEDGER_ORIGIN must be 1 to 239 bytes without spaces, quotes, backslashes or plus signs."
            )
        return origin

    @property
    def embedded_kafka(self) -> bool:
        return self.kafka_bootstrap == EMBEDDED

    @property
    def embedded_postgres(self) -> bool:
        return EMBEDDED in (self.database_url, self.vault_url)


def load(**overrides: object) -> Settings:
    """The settings from the environment; raises BadInput naming the variables that are wrong, never their values."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        names = ", ".join(
            sorted({"LEDGER_" + "_".join(map(str, each["loc"])).upper() for each in error.errors()})
        )
        raise BadInput(
            f"These settings are not valid: {names}. `ledger doctor` says what each may be."
        ) from error
