"""What a check found, in the forms that people, CI systems and editors read: one form in each file.

Shows only what the findings hold: values and credentials were masked before they got here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from gateway.config.compiled import Compiled
from gateway.config.report.annotations import render_github
from gateway.config.report.document import render_json
from gateway.config.report.junit import render_junit
from gateway.config.report.sarif import render_sarif
from gateway.config.report.text import render_plain
from gateway.config.verdict import Verdict, judge

Render: TypeAlias = Callable[[Verdict, Path], str]  # files are named as seen from the path

FORMS: Final[Mapping[str, Render]] = {
    "text": render_plain,
    "json": render_json,
    "github": render_github,
    "sarif": render_sarif,
    "junit": render_junit,
}


def render_text(compiled: Compiled) -> str:
    """Everything that was found, for people."""
    return render_plain(judge(compiled), Path.cwd())
