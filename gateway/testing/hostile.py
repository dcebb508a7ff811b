"""Ids and texts that have broken other stores: separators, wildcards, look-alikes, the longest allowed."""

from typing import Any

IDS = (
    " ", "*", "%", "_", "?", "[a-z]", "..", ".", "/", "\\", "a:b", "a|b", "a,b", "a;b", "a.b", "{a}", "'", '"', "`",
    "a", "ab", "A", "a ", " a", "t1", "t10", "null", "None", "0", "-1", "true", "$ne", "__proto__", "\n", "\t", "\x01",
    "alice", "Alice", "ALICE", "al%", "al_ce", "straße", "STRASSE", "caf\u00e9", "cafe\u0301", "\u212b", "\u00c5",
    "\U0001f9e0", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0645\u0631\u062d\u0628\u0627", "\u202eabc",
    "\u65e5\u672c\u8a9e", "\ufeff", "\u200b", "x" * 512, "x" * 511, "\U0001f9e0" * 128, "'; DROP TABLE records; --",
)  # fmt: skip

TEXTS = (
    "", " ", "\n\r\t", "plain", "{braces} {0} %s %(x)s", "quotes \" ' ` \\", "line\nbreak\r\nand\u2028more\u2029",
    "caf\u00e9 cafe\u0301 \u212b", "\U0001f9e0\U0001f3fd \u202eright to left\u202c", "\u0645\u0631\u062d\u0628\u0627",
    "\u65e5\u672c\u8a9e\u306e\u6587", "\x01\x1f\x7f", "\ufeffbom", "\ufffd\uffff", "<script>alert(1)</script>",
    "'; DROP TABLE records; --", "x" * 100_000,
)  # fmt: skip

# Words as a query may hold them: operators and quotes of search languages among them.
WORDS = (
    '"', "'", "*", "tea*", '"tea', "tea OR", "AND", "OR", "NOT", "NEAR", "NEAR(tea", "(", ")", "-tea", "+tea", "text:tea",
    "^tea", "tea~2", "\\", "%", "_", "", " ", "{tea}", "tea\n", ":", "@text:{tea}", "\U0001f9e0", "\u0301", "x" * 5_000,
)  # fmt: skip

METADATA: tuple[dict[str, Any], ...] = (
    {},
    {"a": 1, "b": -1, "c": 0, "d": 2**53 - 1, "e": -(2**53) + 1},
    {"a": 1.5, "b": 1e300, "c": 5e-324, "d": 0.1, "e": -0.5, "f": 1e22},
    {"a": True, "b": False, "c": None, "d": "", "e": [], "f": {}},
    {"a": {"b": {"c": {"d": [1, [2, [3, {"e": "f"}]]]}}}},
    {"": "empty key", " ": "space", "a.b": "dot", "$ne": "dollar", '"': "quote", "\\": "backslash", "a\nb": "newline"},
    {"key": "\u00e9", "\u00e9": 1, "e\u0301": 2, "\U0001f9e0": 3, "K": 1, "k": 2},
    {"t": "2026-01-01T00:00:00Z", "n": "1", "b": "true", "z": "null"},
)
