"""A plan as text for people and JSON for programs."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from gateway.config.comparing.plan import Action, Change, Detail, Plan, Verb
from gateway.config.diagnostics import Mark

_SIGNS: Final = {"add": "+", "remove": "-", "change": "~"}
_VERBS: Final[dict[Verb, str]] = {"reuse": "=", "recreate": "~", "create": "+", "close": "-"}
_WIDTH: Final = 62

Place = Callable[[Mark | None], str]


def plan_text(plan: Plan, place: Place) -> str:
    """`place` says where a mark is, for people."""
    lines = [line for change in plan.changes for line in _change(change, place)]
    for action in plan.actions:
        if action.verb != "reuse" or action.details:
            lines += _action(action, place)
    if reused := [f"{each.sort} {each.name}" for each in plan.actions if each.verb == "reuse" and each.mark]:
        lines.append(f"= reuse    {', '.join(reused)}")
    for warned in plan.warnings:
        what = f"{warned.subject} {warned.name}".rstrip()
        lines.append(_columns(f"! {warned.danger:<8} {what}: {warned.message}", place(warned.mark)))
    return "\n".join([*lines, _summary(plan)])


def plan_json(plan: Plan, place: Place) -> str:
    def detail(each: Detail) -> dict[str, Any]:
        return {
            "path": each.path, "old": each.old, "new": each.new, "old_at": place(each.old_at), "new_at": place(each.new_at),
        }  # fmt: skip

    body: dict[str, Any] = {
        "different": plan.different,
        "changes": [
            {
                "sign": each.sign,
                "subject": each.subject,
                "name": each.name,
                "at": place(each.mark),
                "details": [detail(one) for one in each.details],
            }
            for each in plan.changes
        ],
        "actions": [
            {"verb": each.verb, "sort": each.sort, "name": each.name, "details": [detail(one) for one in each.details]}
            for each in plan.actions
        ],
        "warnings": [
            {
                "danger": each.danger,
                "subject": each.subject,
                "name": each.name,
                "message": each.message,
                "at": place(each.mark),
            }
            for each in plan.warnings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _change(change: Change, place: Place) -> Iterator[str]:
    yield _columns(f"{_SIGNS[change.sign]} {change.subject:<8} {change.name}", place(change.mark))
    for each in change.details:
        if change.sign == "change":
            yield _columns(f"    {_told(each)}", place(each.new_at or each.old_at))
        else:
            yield f"    {each.path} = {each.new if change.sign == 'add' else each.old}"


def _action(action: Action, place: Place) -> Iterator[str]:
    yield _columns(f"{_VERBS[action.verb]} {action.sort:<8} {action.name}: {action.verb}", place(action.mark))
    yield from (f"    {_told(each)}" for each in action.details)


def _told(detail: Detail) -> str:
    return f"{detail.path} {detail.old} -> {detail.new}" if detail.old != detail.new else f"{detail.path}: {detail.new}"


def _columns(left: str, right: str) -> str:
    return f"{left:<{_WIDTH}}  {right}".rstrip()


def _summary(plan: Plan) -> str:
    if not plan.different:
        return "no differences"
    verbs = plan.verbs()
    steps = ", ".join(f"{verbs[verb]} {verb}" for verb in _VERBS if verbs[verb])
    dangers = ", ".join(
        f"{danger}: {sum(each.danger == danger for each in plan.warnings) or 'none'}"
        for danger in ("security", "data", "restart")
    )
    return f"{len(plan.changes)} change{'' if len(plan.changes) == 1 else 's'} | instances: {steps} | {dangers}"
