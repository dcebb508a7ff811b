"""Check digits: whether a number that looks like a card or an account can be one. Pure."""

from typing import Final

# ISO 13616: the length of an IBAN by its country.
_IBANS: Final[dict[str, int]] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
# Who issues cards, by the first digits, and how long their numbers are.
_ISSUERS: Final[tuple[tuple[range, int, range], ...]] = (
    (range(4, 5), 1, range(13, 20)),
    (range(51, 56), 2, range(16, 17)),
    (range(2221, 2721), 4, range(16, 17)),
    (range(34, 35), 2, range(15, 16)),
    (range(37, 38), 2, range(15, 16)),
    (range(6011, 6012), 4, range(16, 20)),
    (range(644, 660), 3, range(16, 20)),
    (range(3528, 3590), 4, range(16, 20)),
    (range(300, 306), 3, range(14, 15)),
    (range(36, 37), 2, range(14, 20)),
    (range(38, 40), 2, range(16, 20)),
    (range(62, 63), 2, range(16, 20)),
)


def is_card(digits: str) -> bool:
    """By Luhn, from an issuer that there is, and not one digit all along."""
    known = any(int(digits[:places]) in first and len(digits) in lengths for first, places, lengths in _ISSUERS)
    return known and len(set(digits)) > 1 and luhn(digits)


def luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_iban(text: str) -> int:
    """How many characters of the text are an IBAN, from its first on; 0 where they are none."""
    length = _IBANS.get(text[:2].upper(), 0)
    taken = ""
    for end, character in enumerate(text, start=1):
        if character.isalnum():
            taken += character
        if length and len(taken) == length:
            turned = taken[4:] + taken[:4]
            return end if int("".join(str(int(each, 36)) for each in turned)) % 97 == 1 else 0
    return 0
