"""One mistake and its correction, for one code: only the lines that matter. The rest of the files is the frame below.

A key of the fragment takes the place of the frame's, so fragment and frame together are a whole configuration.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

GATEWAY: Final = "gateway.yaml"
TENANT: Final = "tenants/acme.yaml"
CASES: Final = "acme.test.yaml"

KEY: Final = "sha256:" + "0123456789abcdef" * 4
_TOP: Final[dict[str, str]] = {
    "version": "version: 1",
    "providers": "providers: {main: {type: memory}}",
    "defaults": "defaults: {chain: main}",
}
_INLINE: Final = "{auth: {mode: open}, routes: {notes: {default: true}}}"
_FRAMES: Final[dict[str, dict[str, str]]] = {
    GATEWAY: {**_TOP, "tenants": f"tenants: {{demo: {_INLINE}}}"},
    TENANT: {
        "tenant": "tenant: acme",
        "auth": f'auth: {{api_keys: [{{hash: "{KEY}"}}]}}',
        "routes": "routes: {notes: {default: true}}",
    },
    CASES: {"target": f"target: {GATEWAY}", "tenant": "tenant: demo"},
}
_KEY: Final = re.compile(r"^([a-z_]+):", re.MULTILINE)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """`mend` says what to do. `broken` and `mended` are fragments of `file`; `whole` ones have no frame.

    `beside` are other files, `env` what the environment holds, `encoding` that of the broken file; `assumes` is what
    has to be so beyond the files for the mistake to be one.
    """

    mend: str
    broken: str
    mended: str
    file: str = GATEWAY
    whole: bool = False
    beside: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    encoding: str = "utf-8"
    assumes: str = ""

    def files(self, *, broken: bool) -> dict[str, bytes]:
        """Every file of the configuration with the mistake, or without it."""
        fragment = self.broken if broken else self.mended
        own = fragment if self.whole else framed(self.file, fragment)
        named = {self.file, *self.beside}
        files = {name: text.encode() for name, text in self.beside.items()}
        files[self.file] = own.encode(self.encoding if broken else "utf-8")
        if GATEWAY not in named:
            frame = _TOP if self.file == TENANT else _FRAMES[GATEWAY]
            include = {"include": "include: tenants/*.yaml"} if self.file == TENANT else {}
            files[GATEWAY] = "\n".join([*frame.values(), *include.values(), ""]).encode()
        return files


def framed(file: str, fragment: str) -> str:
    """The fragment with whatever it leaves out of the frame before it."""
    own = set(_KEY.findall(fragment))
    return "\n".join([*(line for key, line in _FRAMES[file].items() if key not in own), fragment, ""])


def tenant(fragment: str = "") -> str:
    """A tenant's file, to stand beside the one the example is about."""
    return framed(TENANT, fragment)
