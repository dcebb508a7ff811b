"""Every way in which files change under a running gateway is noticed, once; what has not changed is never applied."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.config.compiled import Compiled
from gateway.runtime.disk import Disk
from gateway.runtime.reloading import Reloader
from tests.gateways import Gateway, Process, gateway, process
from tests.promises.erratic import put_file, until

KEYS: Final = {
    "a": "sha256:0000000000000000000000000000000000000000000000000000000000000001",
    "b": "sha256:0000000000000000000000000000000000000000000000000000000000000002",
}
SECONDS: Final = 8.0  # for a change to be served; the slowest is a folder that comes back


def text(top_k: int, more: str = "", settings: str = "debounce: 50ms, poll: 1h") -> str:
    return f"""
version: 1
reload: {{{settings}}}
providers:
  main: {{type: memory}}
defaults: {{chain: main, retrieval: {{strategy: recent, top_k: {top_k}}}}}
include: tenants/*.yaml
{more}"""


def tenant(name: str, more: str = "") -> str:
    return f"""
tenant: {name}
auth: {{api_keys: [{{hash: "{KEYS[name]}", roles: [reader]}}]}}
{more}routes: {{notes: {{default: true}}}}
"""


class Watched:
    """A running gateway, as its admin face tells of it."""

    def __init__(self, served: Process) -> None:
        self._url = served.url
        self.served = served

    def status(self) -> dict[str, Any]:
        return httpx.get(f"{self._url}/admin/status", timeout=5).json()["status"]

    def units(self) -> list[str]:
        return [each["name"] for each in httpx.get(f"{self._url}/admin/units", timeout=5).json()]

    def becomes(self, generation: int, seconds: float = SECONDS) -> float:
        """Seconds until that generation serves; never one more than that."""
        started = time.monotonic()
        while self.status()["generation"] < generation:
            assert time.monotonic() < started + seconds, self.status()
            time.sleep(0.02)
        assert self.status()["generation"] == generation, "one change, one generation"
        return time.monotonic() - started

    def refuses(self, seconds: float = SECONDS) -> None:
        until = time.monotonic() + seconds
        while self.status()["last"]["result"] != "rejected":
            assert time.monotonic() < until, self.status()
            time.sleep(0.02)

    def stays(self, seconds: float = 1.5) -> None:
        before = self.status()["generation"]
        time.sleep(seconds)
        assert self.status()["generation"] == before


@contextmanager
def watched(config: Path, *arguments: str) -> Generator[Watched]:
    with process(config, *arguments) as served:
        yield Watched(served)


def fill(home: Path, top_k: int, names: str = "a", **settings: str) -> Path:
    put_file(home / "gateway.yaml", text(top_k, **settings))
    for name in names:
        put_file(home / f"tenants/{name}.yaml", tenant(name))
    return home / "gateway.yaml"


def test_a_mounted_map_that_swaps_its_link_is_followed_swap_after_swap(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """As Kubernetes does it: the files are links into a link, which moves; what it led to is deleted."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def swap(number: int) -> None:
        folder = mount / f"..2026_11_21_04_45.{number}"
        folder.mkdir()
        (folder / "gateway.yaml").write_text(text(number).replace("tenants/*.yaml", "'*.tenant.yaml'"))
        (folder / "a.tenant.yaml").write_text(tenant("a"))
        old = (mount / "..data").resolve() if (mount / "..data").exists() else None
        (mount / "..data_tmp").symlink_to(folder.name)
        (mount / "..data_tmp").replace(mount / "..data")
        for name in ("gateway.yaml", "a.tenant.yaml"):
            if not (mount / name).is_symlink():
                (mount / name).symlink_to(f"..data/{name}")
        if old is not None:
            shutil.rmtree(old)

    swap(1)
    times: list[float] = []
    with watched(mount / "gateway.yaml") as seen:
        for number in range(2, 6):
            time.sleep(1.2)
            swap(number)
            times.append(seen.becomes(number))
    figure(f"4 swaps of a mounted map, the old folders deleted: each served after {max(times):.1f} s at most")


def test_a_worktree_that_is_swapped_as_a_whole_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for number in range(1, 5):
        fill(tmp_path / f"tree{number}", number)
    link.symlink_to("tree1")
    with watched(link / "gateway.yaml") as seen:
        for number in range(2, 5):
            passing = tmp_path / "next"
            passing.symlink_to(f"tree{number}")
            passing.replace(link)
            seen.becomes(number)
            shutil.rmtree(tmp_path / f"tree{number - 1}")
            time.sleep(1.5)


def test_a_folder_that_another_takes_the_place_of_is_followed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with watched(fill(home, 1)) as seen:
        for number in (2, 5, 8):
            fill(tmp_path / "next", number)
            home.rename(tmp_path / f"old{number}")
            (tmp_path / "next").rename(home)
            seen.becomes(number)
            time.sleep(2.5)
            put_file(home / "tenants/b.yaml", tenant("b"))  # in the new folder
            seen.becomes(number + 1)
            (home / "tenants/b.yaml").unlink()
            seen.becomes(number + 2)


def test_a_mount_that_vanishes_and_comes_back_is_lived_through(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with watched(fill(home, 1)) as seen:
        home.rename(tmp_path / "away")
        seen.refuses()
        assert httpx.get(f"{seen.served.url}/health/ready").status_code == 200
        time.sleep(2.5)
        (tmp_path / "away").rename(home)
        until = time.monotonic() + SECONDS
        while seen.status()["last"]["result"] == "rejected":
            assert time.monotonic() < until, seen.status()
            time.sleep(0.05)
        seen.stays(0.5)
        assert seen.status()["generation"] == 1
        put_file(home / "gateway.yaml", text(2))
        seen.becomes(2)


def test_editors_save_in_many_ways_and_each_is_one_change(tmp_path: Path) -> None:
    file = fill(tmp_path, 1)
    with watched(file) as seen:
        put_file(file, text(2))  # rename over
        seen.becomes(2)
        file.write_text(text(3))  # truncate and write
        seen.becomes(3)
        file.rename(tmp_path / "gateway.yaml~")  # move away, write anew
        file.write_text(text(4))
        seen.becomes(4)
        file.unlink()
        shutil.copy(tmp_path / "gateway.yaml~", file)
        seen.becomes(5)
        for number in range(20):  # a burst is one change
            file.write_text(text(10 + number))
        seen.becomes(6)
        seen.stays()


def test_what_has_not_changed_is_never_applied_again(tmp_path: Path) -> None:
    file = fill(tmp_path, 1)
    with watched(file) as seen:
        os.utime(file)
        put_file(file, text(1))
        file.chmod(0o640)
        put_file(tmp_path / "data.db-wal", "not a configuration")
        put_file(tmp_path / "notes.yaml", "nobody includes this")
        seen.stays()
        put_file(file, text(2))
        seen.becomes(2)
        put_file(file, text(1))
        seen.becomes(3)  # back and forth: a change each time


def test_a_bad_change_is_refused_and_the_good_one_before_it_is_taken_back(tmp_path: Path) -> None:
    file = fill(tmp_path, 1)
    with watched(file) as seen:
        put_file(file, text(2))
        seen.becomes(2)
        put_file(file, "version: [\n")
        seen.refuses()
        assert seen.status()["disk_valid"] is False
        put_file(file, text(2))
        until = time.monotonic() + SECONDS
        while seen.status()["last"]["result"] == "rejected":
            assert time.monotonic() < until
            time.sleep(0.02)
        assert (seen.status()["generation"], seen.status()["disk_valid"]) == (2, True)
        put_file(file, "version: [\n")
        seen.refuses()
        put_file(file, text(1))
        seen.becomes(3)


def test_a_file_that_is_written_bit_by_bit_is_taken_when_it_is_whole(tmp_path: Path) -> None:
    file = fill(tmp_path, 1)
    with watched(file) as seen:
        whole = text(2, "# the end\n").encode()
        with file.open("wb", buffering=0) as stream:
            for at in range(0, len(whole), 40):
                stream.write(whole[at : at + 40])
                time.sleep(0.03)
        seen.becomes(2)
        with file.open("wb", buffering=0) as stream:
            stream.write(text(3).encode()[:60] + b"{")
            seen.refuses()
            stream.seek(0)
            stream.truncate()
            stream.write(text(3).encode())
        seen.becomes(3)


def test_tenants_and_referenced_values_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/cursor.txt").write_text("a secret of at least 32 characters, one")
    server = "server: {cursor_key: '${file:secrets/cursor.txt}'}\n"
    file = fill(tmp_path, 1, more=server)
    with watched(file) as seen:
        put_file(tmp_path / "tenants/b.yaml", tenant("b"))
        seen.becomes(2)
        assert seen.units() == ["a", "b"]
        (tmp_path / "tenants/b.yaml").unlink()
        seen.becomes(3)
        assert seen.units() == ["a"]
        put_file(tmp_path / "secrets/cursor.txt", "a secret of at least 32 characters, two")
        seen.becomes(4)
        put_file(file, text(1, server, "watch: false, poll: 300ms"))
        seen.becomes(5)
        time.sleep(1.5)
        put_file(file, text(2, server, "watch: false, poll: 300ms"))
        seen.becomes(6)
        put_file(tmp_path / "tenants/b.yaml", tenant("b"))
        seen.becomes(7)
        put_file(file, text(3, server))  # followed again
        seen.becomes(8)
        time.sleep(1.5)
        put_file(file, text(4, server))
        seen.becomes(9)


def test_files_are_compared_where_nothing_is_watched(tmp_path: Path, figure: Callable[[str], None]) -> None:
    file = fill(tmp_path, 1, settings="watch: false, poll: 200ms")
    times: list[float] = []
    with watched(file) as seen:
        for number in range(2, 5):
            put_file(file, text(number, settings="watch: false, poll: 200ms"))
            times.append(seen.becomes(number))
        os.utime(file)
        seen.stays(1)
    figure(f"with watch: false and poll: 200ms a change is served after {max(times):.1f} s at most")


class Writer:
    """Writes a file in two halves, each of them valid by itself."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self) -> None:
        self._file.write_text(text(2))
        time.sleep(0.03)
        self._file.write_text(text(3))


async def written_in_halves(served: Gateway) -> list[int]:
    """The top_k of what served, generation by generation."""
    writer = threading.Thread(target=Writer(served.home / "gateway.yaml").write)
    writer.start()
    await asyncio.sleep(0.01)
    found: list[int] = []
    while not found or found[-1] != 3:
        await served.helm.reloader.reload("test")
        found.append(served.helm.running.snapshot.tenants["a"].config.routes[0].layer.retrieval.top_k)
        await asyncio.sleep(0.01)
    writer.join()
    return found


QUIET: Final = "watch: false, poll: 1h"


async def test_a_half_written_file_is_waited_for(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1, settings=QUIET), {"tenants/a.yaml": tenant("a")}) as served:
        assert set(await written_in_halves(served)) <= {1, 3}


async def test_without_the_second_reading_a_half_written_file_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def once(self: Disk, served: str) -> Compiled:
        del served
        self.last = await self._read(self.last)  # pyright: ignore[reportPrivateUsage]
        return self.last

    monkeypatch.setattr(Disk, "settled", once)
    async with gateway(tmp_path, text(1, settings=QUIET), {"tenants/a.yaml": tenant("a")}) as served:
        assert 2 in await written_in_halves(served)


async def test_without_comparing_contents_a_touch_is_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(*_: object, **__: object) -> bool:
        return True

    settings = "debounce: 20ms, poll: 1h"
    async with gateway(tmp_path, text(1, settings=settings), {"tenants/a.yaml": tenant("a")}) as served:
        await asyncio.sleep(0.5)
        os.utime(tmp_path / "gateway.yaml")
        await asyncio.sleep(0.7)
        assert served.helm.reloader.status().generation == 1
        monkeypatch.setattr(Reloader, "_worth", always)
        os.utime(tmp_path / "gateway.yaml")
        await until(lambda: served.helm.reloader.status().generation == 2)
