"""Keys on the command line: made with what they may do, and listed without what would let somebody in."""

import re
from pathlib import Path

from click.testing import CliRunner

from gateway.cli import main

CONFIG = """
version: 1
providers: {{main: {{type: memory}}}}
defaults: {{chain: main}}
tenants:
  acme:
    auth:
      api_keys:
        {made}
        - {{hash: "sha256:{old}", id: old, expires: "2020-01-01"}}
        - {{hash: "sha256:{soon}", id: soon, not_before: "2099-01-01", user: ann}}
    routes: {{notes: {{default: true}}}}
"""


def test_a_key_is_made_and_listed_with_what_it_may_do(tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(
        main,
        [
            "keys",
            "new",
            "--role",
            "reader",
            "--kind",
            "message",
            "--expires",
            "2031-01-01",
            "--not-before",
            "2020-01-01",
        ],
    )
    assert made.exit_code == 0, made.output
    line = next(each for each in made.output.splitlines() if each.startswith("- {"))
    assert "kinds: [message]" in line and 'expires: "2031-01-01"' in line
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG.format(made=line, old="0" * 64, soon="1" * 64))
    listed = run(main, ["keys", "callers", str(file)])
    assert listed.exit_code == 0, listed.output
    first, old, soon = listed.output.splitlines()
    assert re.search(r"until 2031-01-01 +reader, message, any user", first)
    assert "expired 2020-01-01" in old and "reader+writer, all kinds" in old
    assert "from 2099-01-01" in soon and "one user" in soon and "ann" not in soon
    assert "sha256" not in listed.output and "0000" not in listed.output
    assert run(main, ["keys", "callers", str(file), "--tenant", "other"]).output == ""


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("version: 2\n")
    listed = CliRunner().invoke(main, ["keys", "callers", str(file)])
    assert listed.exit_code == 1 and "MG0" in listed.output
