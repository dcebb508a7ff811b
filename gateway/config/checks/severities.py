"""`lint:` names codes that exist, and lowers nothing that keeps a part from being served."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import CODES, can_be_lowered, found
from gateway.config.diagnostics import Diagnostic
from gateway.config.suggest import nearest


def severities(assembly: Assembly) -> Iterator[Diagnostic]:
    if assembly.tenants:
        return
    for code, severity in assembly.file().lint.items():
        at = assembly.gateway.key("lint", code)
        if code not in CODES:
            near = nearest(code, CODES)
            hint = f"did you mean {near}? " if near else ""
            yield found(
                "MG0701", at, f"there is no code {code[:20]!r}", f"{hint}`memory-gateway explain-code` lists all"
            )
        elif severity != "error" and not can_be_lowered(code):
            what = f"lint.{code}: what has this error is not served, so it stays an error"
            yield found("MG0702", at, what, "remove it; only warnings can be turned off")
