"""`memory-gateway validate`: everything that is wrong with a configuration, at once. Opens no backend unless asked to.

Exit codes: 0 fine, 1 errors, 2 wrong usage, 3 warnings where they are denied, 4 nothing wrong but what does not open.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from gateway.config.catalog import Catalog
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Diagnostic
from gateway.config.levels import LEVELS, Level
from gateway.config.report import FORMS
from gateway.config.report.annotations import render_summary
from gateway.config.verdict import Verdict, judge

DOCUMENTS: Final = frozenset({"json", "sarif", "junit"})  # nothing may stand beside them in one stream
STDOUT: Final = ""


class Form(click.ParamType[tuple[str, str]]):
    """`name` or `name=FILE`, as a pair; STDOUT for no file."""

    name = "form"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        form, _, file = str(value).partition("=")
        if form not in FORMS:
            self.fail(f"{form!r} is not one of {', '.join(FORMS)}", param, ctx)
        if "=" in str(value) and not file:
            self.fail(f"{value!r} names no file", param, ctx)
        return form, file if file != "-" else STDOUT


@click.command("validate")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "forms", type=Form(), multiple=True, metavar="NAME[=FILE]",
    help=f"How to report, to the output or a file; may be repeated. One of {', '.join(FORMS)}. Default: text.",
)  # fmt: skip
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[-1], show_default=True,
              help="Stop after this level; each includes those before it.")  # fmt: skip
@click.option("--probe", "probing", is_flag=True, help="Also open every declared provider and embedder, as serve does.")
@click.option("--probe-timeout", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True,
              help="Seconds that each may take to open.")  # fmt: skip
@click.option("--deny-warnings", is_flag=True, help="Exit with 3 where there are warnings.")
@click.option("--only", is_flag=True, help="Report only what is found in PATHS.")
def command(
    config: Path, paths: tuple[Path, ...], *, forms: tuple[tuple[str, str], ...], only: bool, **asked: Any
) -> None:
    """Check CONFIG, a gateway file or the folder of a gateway.yaml, and report every problem."""
    if paths and not only:
        raise click.UsageError("one CONFIG at a time; files after it are for --only")
    level: Level = asked["level"]
    if asked["probing"] and level != LEVELS[-1]:
        raise click.UsageError(f"--probe comes after the last level, so it goes with no --level but {LEVELS[-1]}")
    wanted = _checked(forms or (("text", STDOUT),))
    compiled = compile_config(config, os.environ, Catalog.installed())
    verdict = judge(
        compiled,
        upto=level,
        probes=_probe(compiled, asked["probe_timeout"]) if asked["probing"] else None,
        only=paths if only else None,
        deny_warnings=asked["deny_warnings"],
    )
    _report(verdict, wanted, os.environ)
    sys.exit(verdict.exit())


def _checked(forms: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The forms, each to a place of its own."""
    streamed = [form for form, file in forms if file == STDOUT]
    if len(streamed) > 1 and DOCUMENTS & set(streamed):
        raise click.UsageError(f"{' and '.join(streamed)} cannot share the output: write one to a file, NAME=FILE")
    files = [Path(file).resolve() for _, file in forms if file != STDOUT]
    if len(set(files)) < len(files):
        raise click.UsageError("two reports cannot share a file")
    return forms


def _probe(compiled: Compiled, seconds: float) -> list[Diagnostic]:
    from gateway.runtime.probing import probe

    return asyncio.run(probe(compiled, lambda: datetime.now(UTC), seconds))


def _report(verdict: Verdict, forms: Sequence[tuple[str, str]], env: Mapping[str, str]) -> None:
    """Files are named as seen from the checked-out sources: there the CI systems look for them."""
    base = Path(env.get("GITHUB_WORKSPACE") or Path.cwd())
    for form, file in forms:
        text = FORMS[form](verdict, base)
        if file == STDOUT:
            click.echo(text)
        else:
            _write(Path(file), text + "\n", "w")
    summary = env.get("GITHUB_STEP_SUMMARY")
    if summary and any(form == "github" for form, _ in forms):
        _write(Path(summary), render_summary(verdict, base), "a")


def _write(file: Path, text: str, mode: str) -> None:
    try:
        with file.open(mode, encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from error
