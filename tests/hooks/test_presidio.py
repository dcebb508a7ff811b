"""The other engine of `redact`: it finds what ours finds, goes through the same actions, and asks no network."""

import socket
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import Misconfigured
from gateway.domain.hooking import HookContext, Moment
from gateway.domain.ports import Kit
from gateway.domain.units import Secret
from gateway.hooks.redact import TYPES, Redact, Redacting, RedactOptions, Way
from gateway.hooks.redact.hiding import Hiding
from gateway.hooks.redact.presidio import ENTITIES, Presidio
from gateway.hooks.redact.recognisers import find
from tests.corpora.personal import benign, samples
from tests.gateways import gateway

pytest.importorskip(
    "presidio_analyzer", reason="ABSENT: presidio-analyzer (extra `presidio`); its engine is not tested"
)

KEY = Secret("a key of the operator")
NEAR = ("127.0.0.1", "::1", "localhost")
SAID = "write to ada@example.com or +44 20 7946 0958, card 4111 1111 1111 1111"
CONFIG = """
version: 1
providers: {main: {type: sqlite, path: data/test.db, embedder: none}}
hooks: {clean: {type: redact, engine: presidio, entities: [CRYPTO], actions: {card: reject, phone: drop}, timeout: 30s}}
defaults: {chain: main, hooks: [clean]}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""


def _address(_: socket.socket, to: tuple[str, int] | str) -> object:
    return to[0] if isinstance(to, tuple) else NEAR[0]  # else a path: a socket of this machine


def _host(host: object, *_: object) -> object:
    return host or NEAR[0]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every host that was asked for and is not this machine; none is reached."""
    asked: list[object] = []

    def keep(real: Callable[..., Any], host_of: Callable[..., object]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            host = host_of(*given)
            if host in NEAR:
                return real(*given, **more)
            asked.append(host)
            raise OSError("there is no network here")

        return call

    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)
        monkeypatch.setattr(socket.socket, name, keep(real, _address))
    monkeypatch.setattr(socket, "getaddrinfo", keep(socket.getaddrinfo, _host))
    return asked


@pytest.fixture(scope="module")
def presidio() -> Presidio:
    return Presidio(TYPES, ("CRYPTO", "US_DRIVER_LICENSE"), ("en",), 0.4)


def test_it_finds_what_ours_find_and_asks_no_network(
    presidio: Presidio, asked: list[object], figures: Callable[[str], None]
) -> None:
    texts = {
        SAID: ["email", "phone", "card"],
        "IBAN DE89 3704 0044 0532 0130 00, from 203.0.113.7": ["iban", "ip"],
        "my social security number is 536-22-1234": ["ssn"],
        "password: hunter2hunter2, born on 1980-02-03": ["secret", "birth_date"],
        "nothing of note at 10:30 in room 12": [],
    }
    for text, types in texts.items():
        assert presidio.find(text) == find(text, TYPES), text
        assert [each.type for each in presidio.find(text)] == types
    made = [each for each in samples(10) if each.type in ENTITIES]
    for name, finder in (("presidio", presidio.find), ("own", partial(find, types=TYPES))):
        caught = [
            each for each in made if any(each.text[one.start : one.end] == each.value for one in finder(each.text))
        ]
        alarms = sum(bool(finder(text)) for text in benign(100))
        figures(
            f"redact by {name}: {len(caught)} of {len(made)} values exactly, {alarms} of 100 harmless texts touched"
        )
    assert asked == []


def test_its_own_recogniser_of_addresses_would_ask_the_network(
    presidio: Presidio, asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test: with the list as the package has it, and nothing fetched yet."""
    tldextract, stock = map(import_module, ("tldextract", "presidio_analyzer.predefined_recognizers"))
    fresh = tldextract.TLDExtract(cache_dir=str(tmp_path))
    monkeypatch.setattr(tldextract, "extract", fresh)
    assert [each.type for each in presidio.find("ada@example.com")] == ["email"] and asked == []
    stock.EmailRecognizer().analyze("ada@example.com", ["EMAIL_ADDRESS"])
    assert asked != []


def test_words_nearby_make_it_surer() -> None:
    sure = Presidio(("phone",), (), ("en",), 0.7)
    assert [each.type for each in sure.find("my phone is 212-555-5555")] == ["phone"]
    assert sure.find("see 212-555-5555") == []


def test_what_it_has_read_does_not_stay_in_its_vocabulary(presidio: Presidio) -> None:
    strings = presidio._pipelines["en"].vocab.strings  # pyright: ignore[reportPrivateUsage] -- nothing else shows it
    before = len(strings)
    for number in range(50):
        presidio.find(f"zzqx{number} wrote qqy{number}@example.com")
    assert len(strings) == before and "zzqx1" not in strings


def test_what_it_does_not_know_in_a_language_is_found_by_ours() -> None:
    german = Presidio(TYPES, (), ("de",), 0.4)
    assert [each.type for each in german.find("Karte 4111 1111 1111 1111")] == ["card"]


def test_names_and_languages_it_does_not_know_are_refused() -> None:
    with pytest.raises(Misconfigured, match="PERSON in en without a model"):
        Presidio(TYPES, ("PERSON",), ("en",), 0.4)
    with pytest.raises(Misconfigured, match="knows no language 'xq'"):
        Presidio(TYPES, (), ("xq",), 0.4)


@pytest.mark.parametrize("way", ["mask", "hash", "tokenise", "drop"])
def test_every_action_gives_what_it_gives_with_ours_and_stays_as_it_is(presidio: Presidio, way: Way) -> None:
    options = RedactOptions(action=way, key=KEY, engine="presidio", entities=("CRYPTO", "US_DRIVER_LICENSE"))
    hiding = Hiding(KEY.reveal())
    hiding.load()
    own = Redacting(options, hiding, "acme", partial(find, types=TYPES))
    other = Redacting(options, hiding, "acme", presidio.find)
    once = other.text(SAID)
    assert once == own.text(SAID) and "ada@" not in once
    assert other.text(once) == once
    wallet = "pay to bitcoin wallet 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ"
    hidden = other.text(wallet)
    assert "16Yeky" not in hidden
    if way == "tokenise":
        assert Redacting(options, hiding, "acme", presidio.find, reveals=True).text(hidden) == wallet


async def test_through_a_gateway_nothing_of_it_is_kept(tmp_path: Path, asked: list[object]) -> None:
    async with gateway(tmp_path, CONFIG) as made:
        told = await made.post("/v1/memories", {"content": SAID, "user_id": "u"})
        assert (told.status_code, told.json()["detail"]) == (422, "this holds what is not kept here: card")
        fine = await made.post("/v1/memories", {"content": "ring +44 20 7946 0958 or ada@example.com", "user_id": "u"})
        assert fine.json()["content"] == "ring  or [EMAIL]"
    assert asked == []


async def test_it_is_loaded_and_looks_away_from_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, int] = {}

    def told(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            threads[name] = threading.get_ident()
            return real(*given)

        return call

    monkeypatch.setattr(Presidio, "__init__", told("loads", Presidio.__init__))
    monkeypatch.setattr(Presidio, "find", told("looks", Presidio.find))
    hook = Redact(RedactOptions(engine="presidio"), Kit(name="clean", clock=lambda: datetime.now(UTC), home=tmp_path))
    context = HookContext(moment=Moment("before_search"), at=datetime.now(UTC), tenant="acme", memory_query=SAID)
    async with AsyncExitStack() as stack:
        await hook.open(stack)
        outcome = await hook.run(context)
    assert outcome.query == "write to [EMAIL] or [PHONE], card [CARD]"
    assert threads.keys() == {"loads", "looks"} and threading.get_ident() not in threads.values()
