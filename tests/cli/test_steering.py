"""The verbs that steer a running gateway, against one that runs, and what the shell learns of it."""

import json
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import httpx
import pytest

from gateway.auth.keys import new_key
from tests.gateways import Process, free_port, process
from tests.promises.erratic import put_file

OWN: Final = new_key(lambda count: bytes(range(count)))
OTHER: Final = new_key(lambda count: bytes(range(1, count + 1)))
CANARY: Final = "canary-credential"


def text(top_k: int, more: str = "") -> str:
    return f"""
version: 1
reload: {{watch: false, poll: 1h}}
admin: {{api_keys: [{{id: ops, hash: "{OWN.hash}"}}]}}
providers:
  main: {{type: sqlite, path: data/main.db}}
defaults: {{chain: main, retrieval: {{top_k: {top_k}}}}}
include: tenants/*.yaml
{more}"""


TENANT: Final = f"""
tenant: acme
auth: {{api_keys: [{{id: app, hash: "{OTHER.hash}", roles: [reader, writer]}}]}}
providers:
  own: {{type: sqlite, path: "${{file:path}}"}}
routes:
  notes: {{default: true}}
  own: {{match: {{agent: [own]}}, chain: own}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Process]:
    home = tmp_path_factory.mktemp("steered")
    put_file(home / "gateway.yaml", text(5))
    put_file(home / "tenants/path", f"../data/{CANARY}.db")
    put_file(home / "tenants/acme.yaml", TENANT)
    with process(home / "gateway.yaml") as running:
        yield running


def run(served: Process, *words: str, key: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *words, "--url", served.url]
    env = {"PATH": "", "MEMORY_GATEWAY_ADMIN_KEY": key, "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


def home_of(served: Process) -> Path:
    return Path(served.popen.args[4]).parent  # type: ignore[index]  # the configuration it was given


def test_a_reload_is_waited_for_and_a_bad_one_exits_with_6(served: Process) -> None:
    home = home_of(served)
    same = run(served, "reload")
    assert (same.returncode, same.stdout.split(":")[0]) == (0, "unchanged")
    put_file(home / "gateway.yaml", text(6))
    rehearsed = run(served, "reload", "--dry-run")
    assert rehearsed.returncode == 0 and rehearsed.stdout.startswith("checked: generation 1")
    digest = httpx.post(f"{served.url}/admin/reload?dry_run=true").json()["outcome"]["digest"]
    assert run(served, "reload", "--expect", "another").returncode == 6
    done = run(served, "reload", "--wait", "--expect", digest)
    assert done.returncode == 0 and done.stdout.startswith("applied: generation 2") and "acme" in done.stdout
    put_file(home / "gateway.yaml", text(6, "no_such_key: 1\n"))
    refused = run(served, "reload")
    assert refused.returncode == 6 and "gateway.yaml" in refused.stdout
    told = run(served, "status", "--exit-code")
    assert told.returncode == 6
    assert "would not be served after a restart" in told.stdout and "rejected at check" in told.stdout
    put_file(home / "gateway.yaml", text(6))
    assert run(served, "reload").returncode == 0
    assert run(served, "status", "--exit-code").returncode == 0
    body = json.loads(run(served, "status", "--format", "json").stdout)
    assert body["status"]["generation"] == 2 and body["units"] == []


def test_a_rollback_holds_the_files_back_and_insisting_takes_them(served: Process) -> None:
    home = home_of(served)
    put_file(home / "gateway.yaml", text(7))
    assert run(served, "reload").returncode == 0
    first = run(served, "history").stdout.splitlines()[0].split()[0]
    assert run(served, "rollback", first).returncode == 0
    assert "held back by a rollback" in run(served, "status").stdout
    assert run(served, "reload").stdout.startswith("unchanged")
    assert run(served, "reload", "--insist").stdout.startswith("applied")
    assert run(served, "rollback", "999").returncode == 6
    assert "rollback" in run(served, "history").stdout
    assert "applied" in run(served, "history", "--events").stdout


def test_what_serves_is_explained_and_compared_with_the_files(served: Process) -> None:
    home = home_of(served)
    put_file(home / "gateway.yaml", text(8))
    assert run(served, "reload").returncode == 0
    told = run(served, "explain", "--live", "--tenant", "acme", "--user", "u")
    assert told.returncode == 0 and "retrieval.top_k = 8" in told.stdout and "WINS" in told.stdout
    assert run(served, "explain", "--live", "--tenant", "nobody").returncode == 1
    assert run(served, "explain", "--live", "--tenant", "acme", "--key", "app", "--agent", "own").returncode == 0
    assert run(served, "diff", "--running", "--exit-code").returncode == 0
    put_file(home / "gateway.yaml", text(9))
    told = run(served, "explain", "--live", "--tenant", "acme", "--user", "u")
    assert "retrieval.top_k = 8" in told.stdout, "what serves, not what the files say"
    changed = run(served, "diff", "--running", "--exit-code")
    assert changed.returncode == 5 and "retrieval.top_k 8 -> 9" in changed.stdout
    assert json.loads(run(served, "diff", "--running", "--format", "json").stdout)["different"] is True
    assert run(served, "reload").returncode == 0


def test_no_secret_is_shown_even_when_the_file_that_referred_to_it_has_changed(served: Process) -> None:
    home = home_of(served)
    shown = httpx.get(f"{served.url}/admin/config?tenant=acme&provenance=true").text
    assert "${file:path}" in shown and CANARY not in shown
    put_file(home / "tenants/acme.yaml", TENANT.replace('"${file:path}"', f'"../data/{CANARY[:5]}.db"') + "# more\n")
    for path in ("config", "config?provenance=true", "plan", "explain?tenant=acme&agent=own", "units", "events"):
        reply = httpx.get(f"{served.url}/admin/{path}")
        assert reply.status_code == 200 and CANARY not in reply.text, path
        assert OWN.hash not in reply.text and OTHER.hash not in reply.text
    put_file(home / "tenants/acme.yaml", TENANT)
    put_file(home / "tenants/acme.yaml", TENANT + "routes: [\n")
    assert httpx.get(f"{served.url}/admin/plan").status_code == 409
    assert run(served, "reload").returncode == 0
    assert httpx.get(f"{served.url}/admin/explain?tenant=acme").json()["code"] == "tenant_broken"
    assert "stale     acme" in run(served, "status").stdout
    put_file(home / "tenants/acme.yaml", TENANT)
    assert run(served, "reload").returncode == 0


def test_without_a_gateway_the_verbs_say_so_in_one_line_and_exit_with_1() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for words in (["status"], ["reload"], ["rollback", "1"], ["history"], ["explain", "--live", "--tenant", "a"]):
        command = [sys.executable, "-m", "gateway", *words, "--url", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and done.stderr.startswith(f"no gateway answers at {url}"), done.stderr
        assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    command = [sys.executable, "-m", "gateway", "status", "--url", "file:///etc/hosts"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "no address of a gateway" in done.stderr


def test_only_callers_on_this_machine_and_keys_of_the_gateway_steer(served: Process) -> None:
    def ask(**headers: str) -> int:
        return httpx.get(f"{served.url}/admin/status", headers=headers).status_code

    assert ask() == 200
    assert ask(origin="https://elsewhere.example") == 403
    assert ask(host="elsewhere.example") == 401, "a page whose name leads here is no caller on this machine"
    assert ask(**{"x-forwarded-for": "127.0.0.1"}) == 401
    assert ask(host="elsewhere.example", authorization=f"Bearer {OTHER.text}") == 401
    assert ask(host="elsewhere.example", authorization=f"Bearer {OWN.text}") == 200
    put_file(home_of(served) / "gateway.yaml", text(5).replace("admin: {", "admin: {loopback: false, "))
    assert run(served, "reload").returncode == 0
    assert run(served, "status").returncode == 1
    assert "401 unauthenticated" in run(served, "status").stderr
    assert run(served, "status", key=OTHER.text).returncode == 1
    assert run(served, "status", key=OWN.text).returncode == 0
    put_file(home_of(served) / "gateway.yaml", text(5))
    assert run(served, "reload", key=OWN.text).returncode == 0


def test_two_workers_and_one_that_was_killed_tell_one_truth(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    put_file(file, text(5))
    put_file(tmp_path / "tenants/path", "../data/own.db")
    put_file(tmp_path / "tenants/acme.yaml", TENANT)
    with process(file, "--workers", "2") as running:

        def digests() -> set[tuple[int, str]]:
            told = httpx.get(f"{running.url}/admin/status").json()
            return {(each["pid"], each["digest"]) for each in told["workers"]}

        until = time.monotonic() + 20
        while len(digests()) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        for number in (6, 7):
            put_file(file, text(number))
            done = run(running, "reload")
            assert done.returncode == 0 and "all 2 workers serve" in done.stdout, done.stdout
            assert len({digest for _, digest in digests()}) == 1
        before = {digest for _, digest in digests()}
        told = run(running, "rollback", "1")
        assert told.returncode == 0 and "all 2 workers serve" in told.stdout
        assert {digest for _, digest in digests()}.isdisjoint(before)

        victim = next(pid for pid, _ in digests())
        subprocess.run(["kill", "-9", str(victim)], check=True)
        put_file(file, text(8))
        started = time.monotonic()
        assert run(running, "reload").returncode == 0
        assert time.monotonic() - started < 30, "the dead one is not waited for"
        until = time.monotonic() + 20
        while len(digests()) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert len({digest for _, digest in digests()}) == 1
        put_file(file, "version: [\n")
        assert run(running, "reload").returncode == 6
        assert run(running, "status", "--exit-code").returncode == 6
        time.sleep(1.5)  # longer than a worker keeps its figures to itself
        told = {figures(running.url) for _ in range(12)}
        assert len(told) == 1, "whichever worker answers"
        assert "gateway_config_last_reload_successful 0.0" in next(iter(told))


def figures(url: str) -> str:
    """What a scrape tells of reloading; each on a connection of its own."""
    told = httpx.get(f"{url}/metrics").text.splitlines()
    names = ("gateway_config_info", "gateway_config_reloads", "gateway_config_last_reload", "gateway_config_disk")
    return "\n".join(line for line in told if line.startswith(names))
