"""Somebody else's selector: its list is the answer, its failures stay small."""

import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.domain.errors import Misconfigured
from gateway.domain.units import ImportPath
from gateway.retrieval.recall import Recaller
from gateway.retrieval.strategies.custom import Custom, SelectorContext, SelectorMemory
from tests.unit.retrieval_cases import KIT, REACH, ask, ids, record, source, stored


def shortest(context: SelectorContext, memories: list[SelectorMemory]) -> list[Any]:
    return sorted(memories, key=lambda memory: len(memory.content))[: context.options.get("n", 10)]


async def by_id(_context: SelectorContext, memories: list[SelectorMemory]) -> list[Any]:
    return ["unknown", memories[-1].id, memories[-1].id, memories[0]]


def raising(_context: SelectorContext, memories: list[SelectorMemory]) -> list[Any]:
    raise ValueError(memories[0].content)


def vandal(_context: SelectorContext, memories: list[SelectorMemory]) -> list[Any]:
    memories[0].metadata["deep"].append("changed")
    return memories


def listless(_context: SelectorContext, _memories: list[SelectorMemory]) -> Any:
    return 7


def unhashable(_context: SelectorContext, _memories: list[SelectorMemory]) -> Any:
    return [{"id": 1}]


NOT_CALLABLE = 3


async def opened(name: str, **options: Any) -> Custom:
    chosen = Custom(Custom.Options(selector=ImportPath(f"{__name__}:{name}"), options=options), KIT)
    await chosen.open(AsyncExitStack())
    return chosen


async def recaller() -> Recaller:
    return Recaller(source(await stored([record(3, "a secret"), record(2, "bb"), record(1, "c")])))


async def test_the_selectors_list_is_the_answer_in_its_order() -> None:
    found = await (await recaller()).recall(REACH, ask("x"), await opened("shortest", n=2))
    assert ids(found.hits) == [1, 2]


async def test_ids_and_async_selectors_will_do_and_unknown_ones_are_passed_over() -> None:
    found = await (await recaller()).recall(REACH, ask("x"), await opened("by_id"))
    assert ids(found.hits) == [1, 3]


async def test_top_k_and_filters_hold_for_selectors_too() -> None:
    found = await (await recaller()).recall(REACH, ask("", top_k=1, explain=True), await opened("shortest"))
    assert (ids(found.hits), ids(found.dropped)) == ([1], [2, 3])


@pytest.mark.parametrize("name", ["raising", "listless", "unhashable"])
async def test_a_failing_selector_gives_nothing_a_fault_and_a_line_without_contents(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    strategy = await opened(name)
    with caplog.at_level(logging.ERROR):
        found = await (await recaller()).recall(REACH, ask("x"), strategy)
    assert (found.hits, found.faults, strategy.failures) == ((), ("selector_failed",), 1)
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


async def test_a_selector_changes_nothing_stored() -> None:
    provider = await stored([record(1, "a", metadata={"deep": ["kept"]})])
    found = await Recaller(source(provider)).recall(REACH, ask("x"), await opened("vandal"))
    assert found.hits[0].record.metadata == {"deep": ["kept"]}


@pytest.mark.parametrize("path", ["no_such_module_here:f", f"{__name__}:missing", f"{__name__}:NOT_CALLABLE"])
async def test_a_selector_that_cannot_be_had_is_a_misconfiguration(path: str) -> None:
    with pytest.raises(Misconfigured):
        await Custom(Custom.Options(selector=ImportPath(path)), KIT).open(AsyncExitStack())
