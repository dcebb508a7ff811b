"""No door without a decision: every endpoint, phrase and tool by every sort of caller, against a table that is committed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from tests.auth.roles import CALLERS, Row, doors, rows, serving

TABLE = rows()


def test_every_cell_of_the_table_is_decided() -> None:
    for row in TABLE:
        assert tuple(row.cells) == CALLERS
        assert all(cell and cell not in ("?", "LEAK") for cell in row.cells.values()), row.door


async def test_every_door_is_in_the_table_and_lets_in_whom_the_table_says(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    wrong: list[str] = []
    async with serving(tmp_path) as served:
        there = set(doors(served.litestar))
        for row in TABLE:
            found = await served.cells(row.door, row.request)
            wrong += [
                f"{row.door} {who}: {found[who]}, not {cell}" for who, cell in row.cells.items() if found[who] != cell
            ]
    known = {row.door for row in TABLE}
    assert there - known == set(), "a door without a row: python -m tests.auth.roles"
    assert known - there == set(), "a row without a door"
    figure(
        f"roles: {len(TABLE)} doors by {len(CALLERS)} callers, {len(TABLE) * len(CALLERS)} cells: {len(wrong)} not as declared"
    )
    assert wrong == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.door.face} {row.door.method} {row.door.path}")
def test_the_table_itself_makes_sense(row: Row) -> None:
    cells, face = row.cells, row.door.face
    open_to_all = set(cells.values()) == {"in"}
    if face == "gateway":
        steering = row.door.path.startswith("/admin")
        assert not (steering and any(cell == "in" for who, cell in cells.items() if who != "admin")), (
            "steered by a tenant"
        )
        assert steering or open_to_all or row.door.path == "/metrics"
        return
    assert cells["owner"] == "in", "its request does not get as far as a decision"
    nobody = {cells[who] for who in ("none", "early", "late", "stranger", "admin")}
    assert nobody <= {"unauthenticated", "token_refused"}, "let in without a credential of a tenant"
    assert cells["other"] == "in"  # into its own tenant: that nothing of another is told there is looked for
    if "in" in (cells["auditor"], cells["operator"]):
        assert face != "native" or cells["auditor"] == "in"
    if cells["token"] != "in":
        assert cells["token"] == cells["reader"], "a token does other than its roles"


async def test_a_role_that_nobody_asks_for_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def anyone(*_asked: object) -> None:
        return

    monkeypatch.setattr(Principal, "require", anyone)
    wrong = await _differences(
        tmp_path, lambda row: row.door.face == "native" and row.cells["auditor"] == "role_missing"
    )
    assert len(wrong) > 20


async def test_a_kind_that_nobody_asks_for_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def anyone(*_asked: object) -> None:
        return

    monkeypatch.setattr(Principal, "touch", anyone)
    wrong = await _differences(tmp_path, lambda row: row.door.path.startswith("/v1/sessions"))
    assert len(wrong) > 10


async def _differences(folder: Path, wanted: Callable[[Row], bool]) -> list[str]:
    found: list[str] = []
    async with serving(folder) as served:
        for row in [each for each in TABLE if wanted(each)][:15]:
            got = await served.cells(row.door, row.request)
            found += [f"{row.door} {who}" for who, cell in row.cells.items() if got[who] != cell]
    return found


def test_roles_and_kinds_are_asked_for_together() -> None:
    principal = Principal(id="k", tenant="t", roles=frozenset({Role.READER}), kinds=frozenset({Family.MESSAGE}))
    principal.require(Role.READER)
    principal.touch(Family.MESSAGE)
