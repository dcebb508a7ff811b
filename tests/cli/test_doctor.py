"""What `doctor` sees of a place: each fault in turn, each with a hint, and what a place does not tell."""

import errno
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.retrieval.strategies.hybrid import Hybrid
from gateway.runtime.place.facts import Place, Said
from gateway.runtime.place.look import look
from gateway.runtime.place.mounts import read_mounts
from tests.cli.places import ENV, TENANT, put, run
from tests.gateways import free_port

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def served(folder: Path) -> Config:
    found = compile_config(put(folder), ENV, Catalog.builtin())
    assert found.config is not None and found.config.tenants, [each.line() for each in found.diagnostics]
    return found.config


def place(folder: Path, mounted: str = "", **changed: Any) -> Place:
    """One where nothing is wrong, but for what is said."""
    proc = folder / "proc"
    (proc / "self").mkdir(parents=True, exist_ok=True)
    root = "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
    (proc / "self/mountinfo").write_text(root + mounted)
    (proc / "sys/fs/inotify").mkdir(parents=True, exist_ok=True)
    (proc / "sys/fs/inotify/max_user_watches").write_text("65536\n")
    (proc / "sys/fs/inotify/max_user_instances").write_text("128\n")
    known: dict[str, Any] = {
        "host": "127.0.0.1", "port": 0, "workers": 1, "proc": proc, "now": lambda: datetime.now(UTC),
        "open_files": lambda: 65536, "free_bytes": lambda _: 1 << 40,  # pyright: ignore[reportUnknownLambdaType]
    }  # fmt: skip
    return Place(**{**known, **changed})


def problems(said: list[Said]) -> list[str]:
    return [each.line() for each in said if each.sort == "problem"]


def test_a_place_where_nothing_is_wrong_gives_no_problem(tmp_path: Path) -> None:
    said = look(served(tmp_path), place(tmp_path))
    assert problems(said) == []
    assert [each.about for each in said] == ["clock"]  # what cannot be known is said


def test_a_file_that_is_its_own_mount_is_told(tmp_path: Path) -> None:
    config = served(tmp_path)
    mounted = f"9 1 8:1 /x {tmp_path}/gateway.yaml ro - ext4 /dev/sda rw\n"
    told = problems(look(config, place(tmp_path, mounted)))
    assert len(told) == 1 and "gateway.yaml: is a mount by itself" in told[0] and "mount its folder" in told[0]
    assert problems(look(config, place(tmp_path, f"9 1 8:1 /x {tmp_path} ro - ext4 /dev/sda rw\n"))) == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [("nfs4", "network file system (nfs4)"), ("cifs", "network"), ("fuse.sshfs", "network"), ("tmpfs", "is on tmpfs")],
)
def test_a_database_on_the_wrong_file_system_is_told(tmp_path: Path, kind: str, says: str) -> None:
    (tmp_path / "data").mkdir()
    mounted = f"9 1 8:1 / {tmp_path}/data rw - {kind} x rw\n"
    told = problems(look(served(tmp_path), place(tmp_path, mounted)))
    assert len(told) == 1 and told[0].startswith("problem  provider main:") and says in told[0]
    over = mounted + f"10 9 8:1 / {tmp_path}/data rw - ext4 y rw\n"  # what is mounted last holds
    assert problems(look(served(tmp_path), place(tmp_path, over))) == []


def test_spaces_in_mount_points_are_read(tmp_path: Path) -> None:
    at = place(tmp_path, "9 1 8:1 / /a\\040b rw - nfs x rw\n")
    found = read_mounts(at.proc)
    assert found is not None and [str(each.point) for each in found] == ["/", "/a b"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    config = served(tmp_path)
    told = problems(look(config, place(tmp_path, may_write=lambda path: path != tmp_path)))  # pyright: ignore[reportUnknownLambdaType]
    assert len(told) == 1 and f"the folder {tmp_path} is not writable" in told[0]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/main.db").touch()
    told = problems(look(config, place(tmp_path, may_write=lambda path: path.is_dir())))  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
    assert len(told) == 1 and "main.db is not writable" in told[0]


def test_a_path_that_cannot_be_a_file_is_told(tmp_path: Path) -> None:
    config = served(tmp_path)
    (tmp_path / "data").touch()
    assert "is no folder" in problems(look(config, place(tmp_path)))[0]
    (tmp_path / "data").unlink()
    (tmp_path / "data/main.db").mkdir(parents=True)
    assert "is a folder" in problems(look(config, place(tmp_path)))[0]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    told = problems(look(served(tmp_path), place(tmp_path, free_bytes=lambda _: 5 << 20)))  # pyright: ignore[reportUnknownLambdaType]
    assert len(told) == 1 and "5 MiB left" in told[0]


def test_few_open_files_are_told(tmp_path: Path) -> None:
    told = problems(look(served(tmp_path), place(tmp_path, open_files=lambda: 256)))
    assert len(told) == 1 and "may open 256" in told[0] and "ulimit" in told[0]


def test_few_watches_are_told_where_files_are_watched(tmp_path: Path) -> None:
    config, at = served(tmp_path), place(tmp_path)
    (at.proc / "sys/fs/inotify/max_user_watches").write_text("10\n")
    assert "max_user_watches is 10" in problems(look(config, at))[0]
    file = tmp_path / "gateway.yaml"
    file.write_text(file.read_text() + "reload: {watch: false}\n")
    unwatched = compile_config(tmp_path, ENV, Catalog.builtin()).config
    assert unwatched is not None and problems(look(unwatched, at)) == []


def test_what_a_place_does_not_tell_is_said_and_is_no_problem(tmp_path: Path) -> None:
    said = look(served(tmp_path), place(tmp_path, proc=tmp_path / "nothing"))
    assert problems(said) == []
    assert {each.about for each in said if each.sort == "unknown"} == {"mounts", "inotify", "clock"}


def test_several_workers_with_a_private_provider_are_told(tmp_path: Path) -> None:
    config = served(tmp_path)
    told = problems(look(config, place(tmp_path, workers=4)))
    assert len(told) == 1 and "provider scratch: each of 4 workers" in told[0]  # and not the file that they share
    assert problems(look(config, place(tmp_path, workers=1))) == []


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2150, 1, 1, tzinfo=UTC)])
def test_a_clock_that_is_far_off_is_told(tmp_path: Path, now: datetime) -> None:
    told = problems(look(served(tmp_path), place(tmp_path, now=lambda: now)))
    assert len(told) == 1 and str(now.year) in told[0]


def test_files_from_the_future_are_told(tmp_path: Path) -> None:
    told = problems(look(served(tmp_path), place(tmp_path, now=lambda: datetime(2025, 6, 1, tzinfo=UTC))))
    assert len(told) == 1 and "minutes from now" in told[0]


def test_old_versions_are_told(tmp_path: Path) -> None:
    told = problems(look(served(tmp_path), place(tmp_path, python=(3, 10, 4), sqlite=(3, 7, 0))))
    assert ["python: this is 3.10.4" in told[0], "sqlite: this is 3.7.0" in told[1]] == [True, True]


def test_a_missing_package_is_told_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    put(tmp_path, {"tenants/globex.yaml": TENANT.replace("acme", "globex").replace("0001", "0002").replace("${env:HASH}",
        "sha256:" + "3" * 64) + "strategies: {mine: {type: hybrid}}\n"})  # fmt: skip
    whole = run("doctor", tmp_path, "--port", "0")
    assert "MG08" not in whole.stdout and "pip install" not in whole.output
    monkeypatch.setattr(Hybrid, "requires", {"no_such_module": "mind"}, raising=False)
    result = run("doctor", tmp_path, "--port", "0")
    assert result.exit_code == 1
    assert "problem" in result.stdout and "needs the package 'no_such_module'" in result.stdout
    assert (
        "pip install 'memory-gateway[mind]'" in result.stdout and "tenant globex: its file is broken" in result.stdout
    )


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    config, port = served(tmp_path), free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen(1)
        told = problems(look(config, place(tmp_path, port=port)))
        assert len(told) == 1 and f"127.0.0.1:{port} is in use" in told[0]
    assert problems(look(config, place(tmp_path, port=port))) == []
    assert "no address of this machine" in problems(look(config, place(tmp_path, port=port, host="192.0.2.1")))[0]


def test_a_port_that_needs_a_privilege_is_told(tmp_path: Path) -> None:
    def refuse(_host: str, _port: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    told = problems(look(served(tmp_path), place(tmp_path, port=80, bind=refuse)))
    assert len(told) == 1 and "not for this user" in told[0]


def test_every_problem_comes_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    at = place(
        tmp_path,
        workers=3,
        open_files=lambda: 1,
        python=(3, 1),
        sqlite=(3, 1),
        now=lambda: datetime(1970, 1, 1, tzinfo=UTC),
    )
    said = [each for each in look(served(tmp_path), at) if each.sort == "problem"]
    assert len(said) >= 6 and all(each.hint for each in said)


def test_the_verb_ends_with_one_where_something_is_wrong(tmp_path: Path) -> None:
    put(tmp_path)
    port = str(free_port())
    fine, wrong = run("doctor", tmp_path, "--port", port), run("doctor", tmp_path, "--port", port, "--workers", "2")
    assert wrong.exit_code == 1 and "provider scratch" in wrong.stdout
    assert "provider scratch" not in fine.stdout
    put(tmp_path, {"gateway.yaml": "version: 2\n"})
    assert run("doctor", tmp_path).exit_code == 1
    assert not (tmp_path / "data").exists()
