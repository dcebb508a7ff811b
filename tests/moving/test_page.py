"""docs/migrating.md: its configurations are valid, and its commands do in order what it says."""

import re
import shlex
from pathlib import Path

from tests.gateways import gateway
from tests.moving.stores import typed

PAGE = (Path(__file__).parents[2] / "docs/migrating.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return ["".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)) for indent, text in found]


def verbs(text: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in text.strip().splitlines()]


async def test_the_steps_of_the_page_move_a_tenant_while_it_is_served(tmp_path: Path) -> None:
    plain, mirrored, swapped = blocks("yaml")
    counted, copied = verbs(blocks("sh")[0])
    (live,) = verbs(blocks("sh")[1])
    out, into = verbs(blocks("sh")[2])
    async with gateway(tmp_path, plain) as served:
        told = await served.post("/v1/memories", {"user_id": "ada", "content": "allergic to peanuts"})
        assert told.status_code in (200, 201)
        assert "1 memory would be copied" in typed(tmp_path, *counted).stdout
        assert typed(tmp_path, *copied).returncode == 0
    (tmp_path / "gateway.yaml").write_text(mirrored)
    told = typed(tmp_path, *live)
    line = next(number for number, text in enumerate(mirrored.splitlines(), 1) if "moving:" in text)
    assert told.returncode == 0 and f"gateway.yaml:{line}: chain 'moving'" in told.stdout, told.stderr
    (tmp_path / "gateway.yaml").write_text(swapped)
    assert typed(tmp_path, "validate", "gateway.yaml").returncode == 0
    lines = typed(tmp_path, *out[: out.index(">")])
    assert lines.returncode == 0 and "allergic" in lines.stdout
    again = typed(tmp_path, *into[: into.index("<")], lines=lines.stdout)
    assert again.returncode == 0 and "1 lines: 0 stored, 1 there already" in again.stderr
    async with gateway(tmp_path, plain.replace("chain: old", "chain: new")) as served:
        found = await served.post("/v1/memories/search", {"user_id": "ada", "query": "peanuts"})
        assert "allergic" in found.text


def test_the_page_has_every_exit_code_that_the_verbs_can_end_with() -> None:
    cli = Path(__file__).parents[2] / "gateway/cli"
    told = set(re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE))
    for verb in ("migrate", "export", "import"):
        head = (cli / f"{verb}.py").read_text().split('"""')[1].split("Exit codes:")[1]
        assert set(re.findall(r"\b(\d) [a-z]", head)) <= told
    assert told == set("012345")
