"""Finding what names a person or opens a door, by its form alone: no model, no dictionary, no network.

Each recogniser gives the spans of one type; what has a check digit is checked, so that a number that only looks like one
is left. Patterns are bounded, so that no text makes them slow. Names and addresses of people have no form and are not
found here.
"""

import ipaddress
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.hooks.redact.checks import is_card, is_iban

Type: TypeAlias = Literal[
    "email", "phone", "ssn", "iban", "card", "ip", "jwt", "api_key", "private_key", "secret", "birth_date",
]  # fmt: skip
Span: TypeAlias = tuple[int, int]
Recogniser: TypeAlias = Callable[[str], Iterator[Span]]


class Found(msgspec.Struct, frozen=True, order=True):
    start: int
    end: int
    type: str  # a Type; of another engine, the name it has for one of its own


_EMAIL: Final = re.compile(r"(?<![\w.+%'-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,23}(?![\w-])")
_PHONE: Final = re.compile(
    r"(?<![\w.+/-])(?:"
    r"\+[1-9](?:[ .()/-]{0,2}\d){7,14}"  # international
    r"|(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}"  # North America
    r"|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}"  # with a trunk prefix
    r")(?![\w-])(?!\.\d)"
)
_PHONE_SAID: Final = re.compile(
    r"(?i)\b(?:phone|telephone|tel|mobile|cell|fax|whatsapp|call me (?:at|on))\b\W{0,3}(?:number|no)?(?: is)?\W{0,4}"
    r"(\+?\(?\d(?:[ .()/-]{0,2}\d){6,14})(?!\w)"
)
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])")
_SSN_SAID: Final = re.compile(
    r"(?i)\b(?:ssn|social security)\b(?: number)?(?: is)?\W{0,4}((?!000|666|9\d\d)\d{3}(?!00)\d\d(?!0000)\d{4})(?!\w)"
)
_IBAN: Final = re.compile(r"(?<!\w)[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD: Final = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])(?!\.\d)")
_IPV4: Final = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_VERSION: Final = re.compile(r"(?i)(?:\bv|version|release|build)\W{0,2}$")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
)
_JWT: Final = re.compile(r"(?<![\w-])(eyJ[\w-]{6,4096})\.[\w-]{2,8192}\.[\w-]{0,4096}")
_KEYS: Final = re.compile(
    r"(?<![\w-])(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}"
    r"|sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,256}"
    r"|(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,256}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,512}"
    r"|xox[abeprs]-[\w-]{10,256}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,64}"
    r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|SK[0-9a-f]{32}|dop_v1_[0-9a-f]{64}|mgk_[\w-]{20,128}"
    r")(?![\w-])"
)
_PRIVATE: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----END )[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{1,48}-----)?"
)
_SECRET: Final = re.compile(
    r"(?i)\b(?:password|passwd|pwd|passphrase|secret(?:_access)?(?:[_ -]?key)?|api[_ -]?key|access[_ -]?key"
    r"|(?:auth|access|refresh)[_ -]?token|accountkey)[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"']?([^\s\"',;]{5,511}[^\s\"',;.)\]}])"
)
_BEARER: Final = re.compile(r"\b[Bb]earer\s{1,3}([A-Za-z0-9._~+/-]{20,4096}=*)")
_BORN: Final = re.compile(
    r"(?i)\b(?:born(?: on)?|date of birth|dob|birth ?date|birthday)(?: is)?\W{0,4}"
    r"(\d{4}-\d\d?-\d\d?|\d\d?[./-]\d\d?[./-]\d{2,4}"
    r"|\d{1,2}(?:st|nd|rd|th)? (?:of )?[A-Za-z]{3,9},? \d{4}|[A-Za-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
_NAMED: Final = re.compile(r"(?i)(?:^|[_. -])(?:password|passwd|pwd|passphrase|secret|api[_-]?key|token|ssn|dob)$")


def find(text: str, types: Sequence[Type]) -> list[Found]:
    """What is found, in order and without overlaps: of two that overlap the longer counts."""
    return apart([Found(start, end, each) for each in types for start, end in RECOGNISERS[each](text)])


def apart(found: Sequence[Found]) -> list[Found]:
    """In order and without overlaps: of two that overlap the longer counts."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(each.end <= other.start or other.end <= each.start for other in kept):
            kept.append(each)
    return sorted(kept)


def names_secret(key: str) -> bool:
    """Whether what stands under this key is a secret, whatever it looks like."""
    return _NAMED.search(key) is not None


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (each.span() for each in _EMAIL.finditer(text))


def _phones(text: str) -> Iterator[Span]:
    yield from (each.span() for each in _PHONE.finditer(text) if 7 <= sum(map(str.isdigit, each[0])) <= 15)
    yield from (each.span(1) for each in _PHONE_SAID.finditer(text))


def _ssns(text: str) -> Iterator[Span]:
    yield from (each.span() for each in _SSN.finditer(text))
    yield from (each.span(1) for each in _SSN_SAID.finditer(text))


def _ibans(text: str) -> Iterator[Span]:
    for each in _IBAN.finditer(text):
        length = is_iban(each[0])
        end = each.start() + length
        if length and not (end < len(text) and text[end].isalnum()):
            yield each.start(), end


def _cards(text: str) -> Iterator[Span]:
    yield from (each.span() for each in _CARD.finditer(text) if is_card(re.sub(r"\D", "", each[0])))


def _ips(text: str) -> Iterator[Span]:
    if text.count(".") > 2:
        for each in _IPV4.finditer(text):
            octets = each[0].split(".")
            version = _VERSION.search(text, max(0, each.start() - 12), each.start())
            if version is None and all(int(octet) < 256 for octet in octets) and _is_ip(each[0]):
                yield each.span()
    if text.count(":") > 1:
        for each in _IPV6.finditer(text):
            if any(map(str.isdigit, each[0])) and not re.fullmatch(r"\d\d?(?::\d\d){2}", each[0]) and _is_ip(each[0]):
                yield each.span()


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _jwts(text: str) -> Iterator[Span]:
    for each in _JWT.finditer(text) if "eyJ" in text else ():
        try:
            head = msgspec.json.decode(urlsafe_b64decode(each[1] + "=" * (-len(each[1]) % 4)))
        except (ValueError, msgspec.DecodeError):
            continue
        if isinstance(head, dict) and "alg" in head:
            yield each.span()


def _keys(text: str) -> Iterator[Span]:
    yield from (each.span() for each in _KEYS.finditer(text))
    yield from (each.span(1) for each in _BEARER.finditer(text))


def _private_keys(text: str) -> Iterator[Span]:
    if "-----BEGIN" in text:
        yield from (each.span() for each in _PRIVATE.finditer(text))


def _secrets(text: str) -> Iterator[Span]:
    yield from (each.span(1) for each in _SECRET.finditer(text))


def _birth_dates(text: str) -> Iterator[Span]:
    yield from (each.span(1) for each in _BORN.finditer(text))


RECOGNISERS: Final[dict[Type, Recogniser]] = {
    "email": _emails,
    "phone": _phones,
    "ssn": _ssns,
    "iban": _ibans,
    "card": _cards,
    "ip": _ips,
    "jwt": _jwts,
    "api_key": _keys,
    "private_key": _private_keys,
    "secret": _secrets,
    "birth_date": _birth_dates,
}
