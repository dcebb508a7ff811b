"""The client against the gateway's own table: every endpoint has a method, in both clients, with every field it takes."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from gateway.client import awaiting, blocking
from gateway.client.asks import memories, quarantine, runs, sessions, subjects
from gateway.client.operation import Ask, Operation
from gateway.faces.http.endpoint import Endpoint
from gateway.faces.http.endpoints import ENDPOINTS as ALL

ASKS: tuple[ModuleType, ...] = (memories, sessions, runs, subjects, quarantine)
NEEDED: dict[str, Any] = {"writes": [], "keep": 1}
ENDPOINTS = [each for each in ALL if each.path.startswith("/v1/")]  # the others are the same under other names
IDS = [each.name for each in ENDPOINTS]
OTHER_NAMES = {
    "memory.search": {"limit"},  # another name for top_k
    "memory.context": {"limit", "format"},  # the client always wants the memories as well
    "session.append": {"message"},  # one is a list of one
    "checkpoint.put": {"checkpoint_id"},  # put_named
    "subject.erasure": {"format"},  # the receipt stands in the reply
    "subject.export": {"format"},
}


def operations() -> dict[tuple[str, str], Operation[Any]]:
    found: dict[tuple[str, str], Operation[Any]] = {}
    for module in ASKS:
        for each in vars(module).values():
            if isinstance(each, Operation):
                found[each.method, each.path] = each  # pyright: ignore[reportUnknownMemberType] - of Any
    return found


def functions() -> dict[tuple[str, str], Callable[..., Ask[Any]]]:
    """Each ask called with an id wherever one is needed: which operation it is about."""
    found: dict[tuple[str, str], Callable[..., Ask[Any]]] = {}
    for module in ASKS:
        for name, each in inspect.getmembers(module, inspect.isfunction):
            if each.__module__ == module.__name__ and not name.startswith("_"):
                needed = [p for p in inspect.signature(each).parameters.values() if p.default is p.empty]
                filled: dict[str, Any] = {
                    p.name: NEEDED.get(p.name, "x") for p in needed if p.kind is not p.VAR_KEYWORD
                }
                made = each(**filled)
                found[made.operation.method, made.operation.path] = each
    return found


def fields(endpoint: Endpoint) -> set[str]:
    return {field.encode_name for field in endpoint.body_fields()} | set(endpoint.path_names())


def taken(function: Callable[..., Any]) -> set[str]:
    """The names of what a function takes, those of its TypedDict included."""
    names: set[str] = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (typed,) = get_type_hints(function)[parameter.name].__args__
            names |= set(get_type_hints(typed))
        else:
            names.add(parameter.name)
    return names - {"idempotency_key"}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=IDS)
def test_every_endpoint_has_an_ask_that_takes_what_it_takes(endpoint: Endpoint) -> None:
    ask = functions()[endpoint.method, endpoint.path]
    unnamed = OTHER_NAMES.get(endpoint.name, set())
    if "session_id" in endpoint.path_names() or "run_id" in endpoint.path_names():
        unnamed = unnamed | {"run_id"} - set(endpoint.path_names())
    assert taken(ask) == fields(endpoint) - unnamed
    assert ("idempotency_key" in inspect.signature(ask).parameters) == endpoint.replayable


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=IDS)
def test_every_reply_has_the_fields_that_the_gateway_sends(endpoint: Endpoint) -> None:
    operation = operations()[endpoint.method, endpoint.path]
    same(operation.decoder.type, endpoint.reply)


def same(ours: Any, theirs: Any) -> None:
    mine = {field.encode_name: field for field in msgspec.structs.fields(ours)}
    sent = {field.encode_name: field for field in msgspec.structs.fields(theirs)}
    assert set(sent) <= set(mine), ours
    for name, field in sent.items():
        for inner, own in zip(structs(field.type), structs(mine[name].type), strict=True):
            same(own, inner)


def structs(kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [found for part in get_args(kind) for found in structs(part)]


def test_the_client_asks_for_nothing_that_there_is_not() -> None:
    known = {(each.method, each.path): each for each in ENDPOINTS}
    for key, operation in operations().items():
        assert key in known
        assert (operation.repeats == "keyed") == known[key].replayable


def test_both_clients_have_the_same_methods_with_the_same_signatures() -> None:
    asked = {each for module in ASKS for _, each in inspect.getmembers(module, inspect.isfunction)}
    offered: set[Any] = set()
    for name in ("Memories", "Sessions", "Checkpoints", "Runs", "Subjects", "Quarantine"):
        one, other = methods(getattr(blocking, name)), methods(getattr(awaiting, f"Async{name}"))
        assert one == other
        offered |= set(one.values())
    assert {each for each in asked if each.__module__.startswith("gateway.client.asks")} == offered


def methods(part: type[Any]) -> dict[str, Any]:
    return {name: each.__wrapped__ for name, each in vars(part).items() if hasattr(each, "__wrapped__")}


def test_it_needs_httpx_and_msgspec_alone() -> None:
    """In a process where nothing else that was installed can be imported, and nothing of the server."""
    allowed = {"gateway", "httpx", "msgspec", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio"}
    allowed |= {"typing_extensions", "h2", "socksio", "brotli", "brotlicffi", "zstandard", "rich", "click", "pygments"}
    text = f"""
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {allowed!r} and top not in sys.stdlib_module_names or top in {{"rich", "click", "pygments"}}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refusing())
import gateway.client
gateway.client.Gateway("http://127.0.0.1:9").close()
strangers = [n for n in sys.modules if n.startswith("gateway.") and not n.startswith("gateway.client")]
assert strangers == [], strangers
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_other_endpoint_is_one_of_these_under_another_name() -> None:
    known = {each.operation.name for each in ENDPOINTS}
    assert {each.operation.name for each in ALL} == known
