"""`memory-gateway validate`: everything that is wrong with a configuration, at once. Opens no backend.

Exit codes: 0 fine, 1 errors, 2 wrong usage, 3 warnings where they are denied.
"""

import os
import sys
from pathlib import Path
from typing import Final

import click

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.report import count, render_github, render_json, render_text

RENDER: Final = {"text": render_text, "json": render_json, "github": render_github}


@click.command("validate")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--format", "form", type=click.Choice(list(RENDER)), default="text", help="How to report.")
@click.option("--deny-warnings", is_flag=True, help="Exit with 3 where there are warnings.")
def command(config: Path, form: str, deny_warnings: bool) -> None:
    """Check CONFIG, a gateway file or the folder of a gateway.yaml, and report every problem."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    click.echo(RENDER[form](compiled))
    counts = count(compiled)
    if counts[Severity.ERROR]:
        sys.exit(1)
    if counts[Severity.WARNING] and deny_warnings:
        sys.exit(3)
