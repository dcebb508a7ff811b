"""The settings of the process: where the configuration is, where to listen. Everything else is YAML.

Each is read from its environment variable (`MEMORY_GATEWAY_PORT`); a flag of the command line wins over it.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MEMORY_GATEWAY_"


class ProcessSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    config: Path = Field(default=Path("gateway.yaml"), description="The gateway's file.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that serve.")
    trusted_proxies: str = Field(default="", description="Addresses whose X-Forwarded-For is believed, with commas.")
    lame_duck: float = Field(default=1.0, ge=0, le=600, description="Seconds of serving on after being asked to stop.")
    grace: float = Field(default=20.0, gt=0, le=3600, description="Seconds that requests have to end after that.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    state: Path | None = Field(default=None, description="Folder where the last good configuration is kept.")
    resume_last_good: bool = Field(default=False, description="Start from it when the files cannot be served.")
    cursor_key: SecretStr | None = Field(default=None, description="Seals page cursors; made up when absent.")
