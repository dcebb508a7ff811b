"""A class named by its import path serves like any other, gets its own options, and is imported only where allowed."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Kit
from gateway.domain.units import ImportPath
from gateway.providers.custom import Custom, CustomOptions
from tests.gateways import gateway

CONFIG = """
version: 1
plugins: {{allow: [{allow}]}}
providers:
  main: {{type: custom, provider: "{path}", options: {{{options}}}}}
tenants:
  default:
    auth: {{mode: open}}
    routes: {{memories: {{default: true, chain: main}}}}
"""
HERE = "tests.providers.custom.own"


def config(path: str = f"{HERE}:Own", options: str = "connection: here", allow: str = HERE) -> str:
    return CONFIG.format(path=path, options=options, allow=allow)


async def test_a_class_of_ones_own_serves_and_finds_a_paraphrase_first(tmp_path: Path) -> None:
    async with gateway(tmp_path, config()) as served:
        for text in ("Prefers green tea in the morning", "Has a dog called Rex", "Works as a carpenter"):
            assert (await served.post("/v1/memories", {"user_id": "u", "content": text})).status_code == 201
        found = await served.post("/v1/memories/search", {"user_id": "u", "query": "which pet does she have"})
        assert found.json()["results"][0]["content"] == "Has a dog called Rex"


async def test_its_options_reach_its_constructor(tmp_path: Path) -> None:
    async with gateway(tmp_path, config(options="connection: 'own://somewhere'")) as served:
        ((_, instance),) = [each for each in served.helm.running.means.instances.live() if each[0] == "main"]
        assert instance._made.connection == "own://somewhere"  # type: ignore[attr-defined]  # pyright: ignore -- its own


@pytest.mark.parametrize(
    ("path", "options", "why"),
    [
        (f"{HERE}:Own", {}, "refuses its options"),
        (f"{HERE}:Own", {"connection": "here", "conection": "there"}, "refuses its options"),
        (f"{HERE}:Missing", {}, "cannot be imported"),
        (f"{HERE}:read", {}, "is no provider"),
        ("tests.providers.custom.nowhere:Own", {}, "cannot be imported"),
    ],
)
async def test_what_cannot_be_made_says_why_without_the_options(
    tmp_path: Path, path: str, options: dict[str, str], why: str
) -> None:
    kit = Kit(name="main", clock=lambda: datetime.now(UTC), home=tmp_path)
    provider = Custom(CustomOptions(provider=ImportPath(path), options=options), kit)
    async with AsyncExitStack() as stack:
        with pytest.raises(Misconfigured, match=why) as told:
            await provider.open(stack)
    assert "there" not in told.value.detail


def test_a_module_that_is_not_allowed_is_not_imported(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(config(path="this_would_raise:Own", allow="other"))
    assert {note.code for note in compile_config(file, {}, Catalog.builtin()).diagnostics} == {"MG0606"}
