"""A problem in one sentence and what to do about it. Says "text" and "list", never "string" and "array"."""

from typing import Any, Final, cast

from gateway.config.problems import Problem, kind_of, kinds
from gateway.config.scalars import explain_text
from gateway.config.suggest import advise, nearest
from gateway.domain.units import DURATION_PATTERN, SIZE_PATTERN

_WORDS: Final = {
    "null": "nothing", "boolean": "true or false", "integer": "an integer", "number": "a number", "string": "text",
    "array": "a list", "object": "a mapping",
}  # fmt: skip
_ORDER: Final = tuple(_WORDS)
_BOUNDS: Final = {
    "minimum": "at least {}", "maximum": "at most {}", "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}", "minLength": "at least {} character(s) long",
    "maxLength": "at most {} character(s) long", "minItems": "a list of at least {}", "maxItems": "a list of at most {}",
    "minProperties": "a mapping with at least {} key(s)", "maxProperties": "a mapping with at most {} key(s)",
}  # fmt: skip
_EXPLAINED: Final = 60


def phrase(problem: Problem, root: dict[str, Any], *, hidden: bool) -> tuple[str, str, str]:
    """(code, message, hint). With `hidden`, the value is not quoted."""
    at = _path(problem)
    match problem.keyword:
        case "additionalProperties":
            return "MG0202", f"unknown key {str(problem.where[-1])!r}{_in(problem)}", _known_keys(problem)
        case "required":
            about = problem.schema.get("properties", {}).get(problem.name, {})
            what = str(about.get("description", "")) or _values(about)
            if near := nearest(problem.name, _strangers(problem)):
                return "MG0203", f"{at or 'the file'} lacks the key {problem.name!r}", f"did you mean it by '{near}'?"
            return (
                "MG0203",
                f"{at or 'the file'} lacks the key {problem.name!r}",
                f"add `{problem.name}:`" + (f" ({what})" if what else ""),
            )
        case "enum" | "const":
            return _choice(problem, at, hidden=hidden)
        case "pattern":
            return "MG0206", f"{at}: {_given(problem, hidden=hidden)} does not have the right form", _form(problem)
        case "propertyNames":
            hint = "names start with a lower-case letter; then lower case, digits, - and _, up to 63"
            return "MG0206", f"{str(problem.where[-1])!r} is not a name{_in(problem)}", hint
        case keyword if keyword in _BOUNDS:
            bound = _BOUNDS[keyword].format(problem.wanted)
            return (
                "MG0205",
                f"{at}: expected {bound}, got {_given(problem, hidden=hidden)}",
                f"give it {bound}" + _told(problem),
            )
        case _:
            return _type(problem, at, root, hidden=hidden)


def _type(problem: Problem, at: str, root: dict[str, Any], *, hidden: bool) -> tuple[str, str, str]:
    wanted = kinds(problem.schema, root)
    expected = " or ".join(_WORDS[kind] for kind in _ORDER if kind in wanted and kind != "null")
    if problem.given is None:
        return (
            "MG0207",
            f"{at or 'the file'}: nothing is given, expected {expected}",
            "write a value, or leave the key out",
        )
    message = f"{at or 'the file'}: expected {expected}, got {_given(problem, hidden=hidden)}"
    return "MG0201", message, _retype(problem, wanted, hidden=hidden)


def _retype(problem: Problem, wanted: set[str], *, hidden: bool) -> str:
    """How the same value would be written in the type that is wanted."""
    given = problem.given
    reads = not hidden and isinstance(given, str) and wanted & {"integer", "number", "boolean"}
    if reads and (hint := explain_text(given)):
        return hint
    if "array" in wanted and kind_of(given) not in ("array", "object"):
        return "write it as a list: [...]"
    if wanted <= {"string", "null"} and isinstance(given, int | float) and not isinstance(given, bool):
        pattern = problem.schema.get("pattern")
        if pattern == DURATION_PATTERN:
            return f"add a unit: {given}s, {given}m or {given}h"
        return f"add a unit: {given}B or {given}KiB" if pattern == SIZE_PATTERN else f'put it in quotes: "{given}"'
    if wanted <= {"string", "null"} and isinstance(given, bool):
        return f'put it in quotes: "{str(given).lower()}"'
    if "object" in wanted:
        return "write `key: value` lines below it, indented"
    return "write " + " or ".join(_WORDS[kind] for kind in _ORDER if kind in wanted and kind != "null") + _told(problem)


def _choice(problem: Problem, at: str, *, hidden: bool) -> tuple[str, str, str]:
    wanted: list[Any] = problem.wanted if problem.keyword == "enum" else [problem.wanted]
    words = [str(each) for each in wanted if each is not None]
    if problem.given is None:
        return "MG0207", f"{at}: nothing is given, expected a word", f"known: {', '.join(sorted(words))}"
    known = (
        advise(str(problem.given), words) if not hidden and words else f"known: {', '.join(sorted(words)) or 'none'}"
    )
    if problem.where[-1:] == ("type",) and not words:
        known = "no plugin of this kind is installed"
    return "MG0204", f"{at}: {_given(problem, hidden=hidden)} is not known here", known


def _known_keys(problem: Problem) -> str:
    word = str(problem.where[-1])
    known = sorted(problem.schema.get("properties", {}))
    near = nearest(word, known)
    listed = f"known: {', '.join(known)}" if known else "nothing may stand here"
    return f"did you mean '{near}'? {listed}" if near else f"{listed}; own keys start with x-"


def _strangers(problem: Problem) -> list[str]:
    """The keys that the mapping has and its schema does not know."""
    known = problem.schema.get("properties", {})
    given: Any = problem.given
    return [key for key in cast("dict[str, Any]", given) if key not in known] if isinstance(given, dict) else []


def _form(problem: Problem) -> str:
    examples = problem.schema.get("examples")
    if examples:
        return f"write it like {' or '.join(str(each) for each in examples)}"
    return str(problem.schema.get("description", "")) or f"it must match {problem.wanted}"


def _given(problem: Problem, *, hidden: bool) -> str:
    kind = kind_of(problem.given)
    if kind in ("object", "array", "null"):
        return {"[]": "an empty list", "{}": "an empty mapping"}.get(str(problem.given), _WORDS[kind])
    if hidden:
        return f"another {'text' if kind == 'string' else 'value'} (not shown)"
    if kind == "string":
        text = str(problem.given)
        return f"the text {text[:_EXPLAINED]!r}{'…' if len(text) > _EXPLAINED else ''}"
    return str(problem.given).lower() if kind == "boolean" else str(problem.given)[:_EXPLAINED]


def _path(problem: Problem) -> str:
    return ".".join(str(step) for step in problem.where)


def _in(problem: Problem) -> str:
    above = ".".join(str(step) for step in problem.where[:-1])
    return f" in {above}" if above else ""


def _told(problem: Problem) -> str:
    about = str(problem.schema.get("description", ""))
    return f" ({about.rstrip('.')})" if about else ""


def _values(schema: dict[str, Any]) -> str:
    return ", ".join(str(each) for each in schema.get("enum", ()))
