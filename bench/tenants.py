"""What many tenants cost: compiling all of them, compiling again after one has changed, and the memory they take.

    python -m bench.tenants [--own] [NUMBER ...]

Each tenant is a file with one key and three routes; with `--own` it also has a SQLite provider of its own and two
references. Each number is measured in a process of its own. `floor` is reading all the files and hashing them.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.config.catalog import Catalog
from gateway.config.compiler import recompile

NUMBERS = (1_000, 3_000, 10_000)
GATEWAY = """version: 1
providers:
  main: {type: memory, embedder: none}
  spare: {type: memory, embedder: none}
defaults: {chain: main, scope: user, retrieval: {strategy: recent, top_k: 8}}
profiles:
  regulated: {ttl: 30d}
include: tenants/*.yaml
"""
TENANT = """tenant: NAME
auth: {api_keys: [{hash: "sha256:HASH", id: main, roles: [reader, writer]}]}
profiles: [regulated]
routes:
  notes: {default: true}
  support:
    match: {agent: [support-*]}
    retrieval: {strategy: lexical, max_memories: 20, time_window_hours: 24}
  chat: {kinds: [message], default: true, session: {context_tokens: 8000}}
"""
OWN = """chain: own
providers: {own: {type: sqlite, path: ./data/NAME.db, embedder: none, labels: {team: "${env:TENANT_NAME_TEAM:-none}"}}}
labels: {note: "${file:../values/NAME}"}
"""


def write(home: Path, many: int, *, own: bool) -> None:
    (home / "tenants").mkdir()
    (home / "values").mkdir()
    (home / "gateway.yaml").write_text(GATEWAY)
    for number in range(many):
        name = f"t{number}"
        text = (TENANT + (OWN if own else "")).replace("HASH", hashlib.sha256(name.encode()).hexdigest())
        text = text.replace("TENANT_NAME", f"TENANT_{name.upper()}").replace("NAME", name)
        (home / "tenants" / f"{name}.yaml").write_text(text)
        if own:
            (home / "values" / name).write_text(name)


def measure(many: int, *, own: bool) -> str:
    catalog = Catalog.builtin()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write(home, many, own=own)
        started = time.perf_counter()
        for entry in os.scandir(home / "tenants"):
            hashlib.sha256(Path(entry.path).read_bytes()).digest()
        floor = time.perf_counter() - started
        before = _resident()
        started = time.perf_counter()
        first, left = recompile(home, {}, catalog)
        full = time.perf_counter() - started
        grown = _resident() - before
        file = home / "tenants" / "t7.yaml"
        file.write_text(file.read_text().replace("8000", "8001"))
        started = time.perf_counter()
        second, left = recompile(home, {}, catalog, left)
        again = time.perf_counter() - started
        assert first.config is not None
        assert second.config is not None
        assert len(second.config.tenants) == many
        assert left.work.checked == 1
    return (
        f"{many:>7,}  {full:>6.2f} s  {full / many * 1e3:>6.2f} ms  {again:>6.3f} s  {floor:>6.3f} s  "
        f"{grown / many / 1024:>6.1f} KiB"
    )


def _resident() -> int:
    """Bytes of memory that this process holds now; where the system does not tell, the most it ever held."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What many tenants cost.")
    parser.add_argument("numbers", nargs="*", type=int, default=NUMBERS)
    parser.add_argument("--own", action="store_true", help="a provider and references for each tenant")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.here:
        print(measure(given.numbers[0], own=given.own), flush=True)
        return
    print("tenants      full   each tenant  one changed  floor  memory each", flush=True)
    for many in given.numbers:
        own = ["--own"] if given.own else []
        subprocess.run([sys.executable, "-m", "bench.tenants", "--here", *own, str(many)], check=True)


if __name__ == "__main__":
    main()
