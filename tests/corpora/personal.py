"""Texts with what names a person or opens a door in them, and texts that only look so; made of a fixed seed.

Every value is made up: numbers with check digits are computed, keys are random in the form of their issuer.
"""

import random
import string
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway.hooks.redact.checks import luhn
from gateway.hooks.redact.recognisers import Type

SEED: Final = 67
FRAMES: Final = (
    "Please keep {} for me.", "The customer wrote: {}", "{} is what she gave us.", "note to self: {}, call later",
    "Er sagte, es sei {} und sonst nichts.", "see ({}) in the ticket", "old: {}; new: unknown", "{}",
)  # fmt: skip


class Sample(NamedTuple):
    text: str
    type: Type
    value: str


def samples(each: int) -> Iterator[Sample]:
    """So many of every type."""
    chance = random.Random(SEED)
    for kind, make in MAKERS.items():
        for _ in range(each):
            said, value = make(chance)
            yield Sample(chance.choice(FRAMES).format(said), kind, value)


def benign(count: int) -> Iterator[str]:
    chance = random.Random(SEED + 1)
    for _ in range(count):
        yield chance.choice(FRAMES).format(chance.choice(HARMLESS)(chance))


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def _word(chance: random.Random, low: int = 3, high: int = 9) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(low, high)))


def _random(chance: random.Random, count: int, more: str = "") -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits + more, k=count))


def _same(value: str) -> tuple[str, str]:
    return value, value


def _email(chance: random.Random) -> tuple[str, str]:
    name = chance.choice(
        (_word(chance), f"{_word(chance)}.{_word(chance)}", f"{_word(chance)}+{_word(chance)}", "o'neil")
    )
    host = chance.choice(("example.com", "mail.example.co.uk", f"{_word(chance)}-{_word(chance)}.org", "exämple.de"))
    return _same(f"{name}@{host}")


def _phone(chance: random.Random) -> tuple[str, str]:
    area, exchange, rest = f"{chance.randint(200, 999)}", f"{chance.randint(200, 999)}", _digits(chance, 4)
    forms = (
        f"+1 {area} {exchange} {rest}", f"({area}) {exchange}-{rest}", f"{area}-{exchange}-{rest}",
        f"{area}.{exchange}.{rest}", f"+44 20 {_digits(chance, 4)} {_digits(chance, 4)}",
        f"+49 (0)30 {_digits(chance, 7)}", f"+33{chance.randint(1, 9)}{_digits(chance, 8)}", f"030/{chance.randint(100, 999)}{_digits(chance, 4)}",
    )  # fmt: skip
    if chance.random() < 0.2:
        bare = f"{chance.randint(1, 9)}{_digits(chance, 9)}"
        return f"phone: {bare}", bare
    return _same(chance.choice(forms))


def _ssn(chance: random.Random) -> tuple[str, str]:
    parts = f"{chance.randint(100, 665)}", f"{chance.randint(1, 99):02}", f"{chance.randint(1, 9999):04}"
    if chance.random() < 0.2:
        return f"SSN: {''.join(parts)}", "".join(parts)
    return _same(chance.choice(("-", " ")).join(parts))


def _iban(chance: random.Random) -> tuple[str, str]:
    country, length = chance.choice((("DE", 18), ("FR", 23), ("NL", 14), ("ES", 20), ("CH", 17), ("NO", 11)))
    bank = "".join(chance.choices(string.ascii_uppercase, k=4)) if country == "NL" else ""
    account = bank + _digits(chance, length - len(bank))
    number = int("".join(str(int(each, 36)) for each in f"{account}{country}00"))
    whole = f"{country}{98 - number % 97:02}{account}"
    grouped = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return _same(chance.choice((whole, grouped, whole.lower())))


def _card(chance: random.Random) -> tuple[str, str]:
    start, length = chance.choice((("4", 16), ("52", 16), ("34", 15), ("6011", 16), ("2221", 16), ("36", 14)))
    body = start + _digits(chance, length - len(start) - 1)
    whole = next(f"{body}{last}" for last in string.digits if luhn(f"{body}{last}"))
    mark = chance.choice(("", " ", "-"))
    return _same(mark.join(whole[at : at + 4] for at in range(0, length, 4)))


def _ip(chance: random.Random) -> tuple[str, str]:
    four = ".".join(str(chance.randint(1, 254)) for _ in range(4))
    six = ":".join(f"{chance.getrandbits(16):x}" for _ in range(8))
    return _same(chance.choice((four, six, f"2001:db8::{chance.getrandbits(16):x}:{chance.randint(1, 9)}")))


def _jwt(chance: random.Random) -> tuple[str, str]:
    return _same(f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{_random(chance, 60)}.{_random(chance, 43, '-_')}")


def _key(chance: random.Random) -> tuple[str, str]:
    upper = "".join(chance.choices(string.ascii_uppercase + string.digits, k=16))
    return _same(
        chance.choice(
            (
                f"AKIA{upper}", f"ghp_{_random(chance, 36)}", f"sk-proj-{_random(chance, 48)}",
                f"sk_live_{_random(chance, 24)}", f"AIza{_random(chance, 35)}", f"xoxb-{_digits(chance, 12)}-{_random(chance, 24)}",
                f"glpat-{_random(chance, 20)}", f"hf_{_random(chance, 34)}", f"github_pat_{_random(chance, 40)}",
            )
        )
    )  # fmt: skip


def _private_key(chance: random.Random) -> tuple[str, str]:
    kind = chance.choice(("", "RSA ", "EC ", "OPENSSH "))
    lines = "\n".join(_random(chance, 64, "+/") for _ in range(4))
    return _same(f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----")


def _secret(chance: random.Random) -> tuple[str, str]:
    value = _random(chance, 14, "!$%&*")
    return chance.choice((f"password: {value}", f'api_key = "{value}"', f"the password is {value}")), value


def _birth_date(chance: random.Random) -> tuple[str, str]:
    year, month, day = chance.randint(1930, 2010), chance.randint(1, 12), chance.randint(1, 28)
    value = chance.choice((f"{year}-{month:02}-{day:02}", f"{day}.{month}.{year}", f"March {day}, {year}"))
    return chance.choice((f"born on {value}", f"date of birth: {value}", f"DOB {value}")), value


MAKERS: Final[dict[Type, Callable[[random.Random], tuple[str, str]]]] = {
    "email": _email, "phone": _phone, "ssn": _ssn, "iban": _iban, "card": _card, "ip": _ip, "jwt": _jwt,
    "api_key": _key, "private_key": _private_key, "secret": _secret, "birth_date": _birth_date,
}  # fmt: skip

HARMLESS: Final[tuple[Callable[[random.Random], str], ...]] = (
    lambda chance: f"version {chance.randint(1, 9)}.{chance.randint(0, 20)}.{chance.randint(0, 99)}",
    lambda chance: f"build 10.2.{chance.randint(0, 99)}.{chance.randint(0, 99)}",
    lambda chance: (
        f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} {chance.randint(0, 23):02}:{chance.randint(0, 59):02}:30"
    ),
    lambda chance: f"order ORD-{chance.randint(2020, 2026)}-{chance.randint(0, 99999):05}",
    lambda chance: f"invoice {_digits(chance, 8)}",
    lambda chance: f"{chance.getrandbits(128):032x}"[:8] + "-1a2b-4c3d-9e8f-" + f"{chance.getrandbits(48):012x}",
    lambda chance: f"commit {chance.getrandbits(160):040x}",
    lambda chance: f"{chance.randint(1, 99)},{_digits(chance, 3)},{_digits(chance, 3)} dollars",
    lambda chance: f"1{chance.randint(600000000, 799999999)}",  # seconds since 1970
    lambda chance: f"@{_word(chance)} on the forum",
    lambda chance: f"std::{_word(chance)}::{_word(chance)}",
    lambda chance: f"the secret of {_word(chance)} soup",
    lambda chance: f"her password has {chance.randint(8, 20)} characters",
    lambda chance: f"room {chance.randint(100, 999)}-{chance.randint(10, 99)}",
    lambda chance: f"pi is 3.14159265358979 and e is 2.718281828{_digits(chance, 4)}",
    lambda chance: f"ISBN 978-3-16-148410-{chance.randint(0, 9)}",
    lambda chance: f"coordinates 52.{_digits(chance, 6)}, 13.{_digits(chance, 6)}",
    lambda chance: (
        f"see RFC {chance.randint(1000, 9999)} section {chance.randint(1, 9)}.{chance.randint(1, 9)}.{chance.randint(1, 9)}"
    ),
    lambda chance: f"part number 6{_digits(chance, 2)}-{_digits(chance, 3)}-{_digits(chance, 2)}",
    lambda chance: f"a ratio of {chance.randint(1, 9)}:{chance.randint(1, 9)}:{chance.randint(1, 9)}",
)
