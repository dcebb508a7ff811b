"""Importing mem0 so that it tells nobody, downloads nothing and writes nowhere but in our folder; building its objects.

Everything here blocks for seconds: call it in a thread. What mem0 reads from the environment it reads once, at import.
"""

import logging
import os
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from gateway.domain.errors import Misconfigured

_log = logging.getLogger("gateway.mem0")
_MODEL: Final = "en_core_web_sm"
_PLATFORM: Final = "https://api.mem0.ai"
_NO_MODEL: Final = {"provider": "openai", "config": {"api_key": "none"}}  # is made, and never asked


def imported(folder: Path) -> Any:
    """The package. Misconfigured where somebody has imported it before with its telemetry on."""
    os.environ["MEM0_TELEMETRY"] = "False"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MEM0_DIR", str(folder))
    # It logs texts, of memories as of messages, on every level up to `error`.
    logging.getLogger("mem0").setLevel(logging.CRITICAL)
    mem0 = import_module("mem0")
    if import_module("mem0.memory.telemetry").MEM0_TELEMETRY:
        raise Misconfigured(
            "mem0 was imported before with its telemetry on: set MEM0_TELEMETRY=False", code="telemetry"
        )
    _no_download()
    return mem0


def _no_download() -> None:
    """mem0 fetches spaCy's model from the network when spaCy is there without it: let it go without instead."""
    if find_spec("spacy") is not None and find_spec(_MODEL) is not None:
        return
    models: Any = import_module("mem0.utils.spacy_models")
    if not models._load_failed_full:  # noqa: SLF001 -- its own note that there is no model; there is no other switch
        models._load_failed_full = models._load_failed_lemma = True  # noqa: SLF001
        _log.warning("mem0 searches without entities and lemmas: spaCy or its model %s is not installed", _MODEL)


def hosted_client(mem0: Any, api_key: str | None, host: str | None, seconds: float) -> Any:
    """The platform's client. Its constructor asks the platform who the key is, and blocks while it does."""
    import httpx

    key = api_key or os.environ.get("MEM0_API_KEY")
    if key:
        # The constructor waits without an end for an answer; this does not.
        httpx.get(f"{host or _PLATFORM}/v1/ping/", headers={"Authorization": f"Token {key}"}, timeout=seconds)
    # Its own client would wait 300 seconds; no retries are made, for a repeated `add` would add again.
    return mem0.AsyncMemoryClient(api_key=api_key, host=host, client=httpx.AsyncClient(timeout=seconds))


def library(mem0: Any, config: dict[str, Any], home: Path, seconds: float) -> Any:
    """An AsyncMemory of this block, which is passed as it is: only relative paths start at the configuration's folder,
    and where no `llm` is named, none is asked."""
    block = _placed(config, home)
    # Read once before: its own reading would log the whole block, credentials included, where it is wrong.
    import_module("mem0.configs.base").MemoryConfig(**block)
    warnings.filterwarnings("ignore", message="Payload indexes have no effect")
    memory = mem0.AsyncMemory.from_config(block)
    for part in (memory.embedding_model, memory.llm):
        client: Any = getattr(part, "client", None)
        if hasattr(client, "with_options"):  # OpenAI's: ten minutes otherwise, twice over
            part.client = client.with_options(timeout=seconds, max_retries=0)
    return memory


def _placed(config: dict[str, Any], home: Path) -> dict[str, Any]:
    block: dict[str, Any] = {"llm": _NO_MODEL, **config}
    if isinstance(block.get("history_db_path"), str) and block["history_db_path"] != ":memory:":
        block["history_db_path"] = str(home / Path(block["history_db_path"]).expanduser())
    store = block.get("vector_store")
    if isinstance(store, dict):
        named = cast("dict[str, Any]", store)
        settings = named.get("config")
        if isinstance(settings, dict) and isinstance(cast("dict[str, Any]", settings).get("path"), str):
            path = home / Path(cast("dict[str, str]", settings)["path"]).expanduser()
            block["vector_store"] = {**named, "config": {**cast("dict[str, Any]", settings), "path": str(path)}}
    return block
