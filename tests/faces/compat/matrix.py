"""The matrix of clients as text, from the cases that the suite runs.

`python -m tests.faces.compat.matrix` prints it; `--write` puts it into docs/clients.md, and its summary into the README
where there is a place for it.
"""

import re
import sys
from pathlib import Path

from tests.faces.compat.clients import CLIENTS
from tests.faces.compat.proofs import WORDS, Client

ROOT = Path(__file__).parents[3]
PAGE, README = ROOT / "docs/clients.md", ROOT / "README.md"
PLACES = {PAGE: "client-matrix", README: "clients"}


def table(client: Client) -> str:
    lines = [
        f"### {client.dialect}: {client.release}",
        "",
        f"`{'`, `'.join(client.classes)}`, unmodified, each method with each class on {' and '.join(client.backends)}.",
        "",
        "| method | result | what the suite proves |",
        "|---|---|---|",
    ]
    lines += [f"| `{each.method}` | {WORDS[each.result]} | {each.says} |" for each in client.rows()]
    return "\n".join(lines)


def whole() -> str:
    return "\n\n".join(map(table, CLIENTS))


def summary() -> str:
    lines = ["| dialect | client | methods that work | refused, in words | on |", "|---|---|---|---|---|"]
    for client in CLIENTS:
        results = [each.result for each in client.rows()]
        lines.append(
            f"| {client.dialect} | {client.release}: `{'`, `'.join(client.classes)}` | {results.count('works')} "
            f"| {results.count('refused')} | {', '.join(client.backends)} |"
        )
    return "\n".join(lines)


def written(path: Path) -> tuple[str, str] | None:
    """What a page has between its marks, and what belongs there; None where it has no marks."""
    mark = PLACES[path]
    found = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", path.read_text(), re.DOTALL)
    return (found[1], whole() if path == PAGE else summary()) if found else None


def main(arguments: list[str]) -> None:
    if "--write" not in arguments:
        sys.stdout.write(f"{summary()}\n\n{whole()}\n")
        return
    for path, name in PLACES.items():
        found = written(path)
        if found:
            mark = f"<!-- {name} -->\n"
            path.write_text(path.read_text().replace(mark + found[0], mark + found[1], 1))


if __name__ == "__main__":
    main(sys.argv[1:])
