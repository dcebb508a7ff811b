"""A test file to a Suite: read, checked like every other file of the language, with the configuration it is about.

Says everything that is wrong with the file itself. Whether the configuration keeps its promises is not decided here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.cases.model import Case, CaseFile
from gateway.config.catalog import Catalog
from gateway.config.codes import found
from gateway.config.comparing.settings import route_settings
from gateway.config.compiled import Compiled, Config
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Diagnostic, Mark, Severity
from gateway.config.finish import finish
from gateway.config.located import Located
from gateway.config.reading import check_page, read_page, read_raw
from gateway.config.references import Rights, look_up
from gateway.config.schema import build_schema
from gateway.config.structure import Shape
from gateway.config.suggest import advise
from gateway.config.unit import decode_unit

SUFFIX: Final = ".test.yaml"


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """The cases of one file. `config` is whole: a broken tenant is only left out where no case is about it."""

    file: Path
    located: Located
    written: CaseFile
    config: Config

    def tenant(self, case: Case) -> str:
        return case.tenant or self.written.tenant or ""

    def mark(self, number: int, *where: str | int) -> Mark:
        """The place of something in a case."""
        return self.located.mark("cases", number, *where)


def read_suite(file: Path, env: Mapping[str, str], catalog: Catalog) -> tuple[Suite | None, tuple[Diagnostic, ...]]:
    """The suite, if its file can be read and its configuration be used; and every finding."""
    page = read_page(file, read_raw(file))
    answers = look_up(page.leaves, file.parent, env, Rights())
    page, checked = check_page(page, answers, Shape(build_schema("configtest", catalog)))
    notes = list(page.notes)
    if checked is None or not checked.fits or any(note.severity is Severity.ERROR for note in notes):
        return None, finish(notes, [page])
    written = msgspec.convert(checked.located.tree, CaseFile, dec_hook=decode_unit)
    compiled = compile_config(file.parent / written.target, {**env, **written.env}, catalog)
    suite = None
    if compiled.config is None:
        notes.append(_unusable(checked.located.mark("target"), compiled))
    else:
        suite = Suite(file=file, located=checked.located, written=written, config=compiled.config)
        notes += [note for n, case in enumerate(written.cases) for note in _case(suite, n, case, compiled)]
    told = finish(notes, [page])
    return (None if any(note.severity is Severity.ERROR for note in told) else suite), told


def _unusable(mark: Mark, compiled: Compiled) -> Diagnostic:
    first = next(note for note in compiled.diagnostics if note.severity is Severity.ERROR)
    return found("MG1001", mark, f"the configuration cannot be tested: {first.line()}", "run `memory-gateway validate`")


def _case(suite: Suite, number: int, case: Case, compiled: Compiled) -> Iterator[Diagnostic]:
    yield from _sense(suite, number, case)
    name, known = suite.tenant(case), suite.config.tenants
    where = suite.mark(number, "tenant") if case.tenant else suite.located.mark("tenant")
    if name in compiled.broken:
        yield found("MG1001", where, f"the tenant {name!r} is broken", "run `memory-gateway validate`")
        return
    if name not in known:
        what = f"there is no tenant {name!r}" if name else "no tenant is named, neither here nor for the file"
        mark = where if name else suite.located.key("cases", number, "name")
        yield found("MG1002", mark, what, advise(name, list(known)))
        return
    tenant = known[name]
    ids = [key.id or key.hash[7:19] for key in tenant.auth.api_keys]
    if case.caller.key is not None and case.caller.key not in ids:
        what = f"the tenant {name!r} has no API key with the id {case.caller.key!r}"
        yield found("MG1003", suite.mark(number, "as", "key"), what, advise(case.caller.key, ids))
    routes = [route.name for route in tenant.routes]
    for key, value in (("route", case.expect.route), ("route", case.request.route)):
        if value and value not in routes and not case.expect.refused:
            section = "expect" if value == case.expect.route else "request"
            what = f"the tenant {name!r} has no route {value!r}"
            yield found("MG1004", suite.mark(number, section, key), what, advise(value, routes))
    paths = list(route_settings(tenant.routes[0])) if tenant.routes else []
    for path in case.expect.effective:
        if path not in paths:
            mark = suite.located.key("cases", number, "expect", "effective", path)
            yield found("MG1004", mark, f"no route has a setting {path!r}", advise(path, paths))


def _sense(suite: Suite, number: int, case: Case) -> Iterator[Diagnostic]:
    """What contradicts itself, or could never fail."""
    expect, mark = case.expect, suite.mark(number, "expect")
    hint = "say what this case is about"
    doubles = [n for n, each in enumerate(suite.written.cases[:number]) if each.name == case.name]
    if doubles:
        where = suite.mark(number, "name")
        yield found("MG1005", where, f"another case is called {case.name!r}", "give each case a name of its own")
    if case.add is not None and case.search is not None:
        yield found("MG1005", suite.mark(number, "search"), "a case makes one request", "keep `add` or `search`")
    if expect == type(expect)():
        yield found("MG1005", mark, "nothing is expected, so this case cannot fail", hint)
    if case.caller.key is not None and case.caller != type(case.caller)(key=case.caller.key):
        what = "a key has its own roles, user and claims"
        yield found("MG1005", suite.mark(number, "as"), what, "keep `key`, or what stands beside it")
    if (expect.found or expect.not_found) and case.search is None:
        yield found("MG1005", mark, "results are expected, and nothing is searched", "add `search: {query: ...}`")
    if expect.stored is not None and not (case.add or case.given):
        yield found("MG1005", mark, "something is to be stored, and nothing is added", "add `add: {content: ...}`")
    op = "add" if case.add else "search" if case.search else None
    if op is not None and (case.request.op not in (None, op) or case.request.kind != "memory"):
        what = f"`{op}` is an operation on memories"
        yield found("MG1005", suite.mark(number, "request"), what, "leave `op` and `kind` out")
