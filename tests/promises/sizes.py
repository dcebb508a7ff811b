"""How much of a proof is run: a little in every run of the suite, all of it where MEMORY_GATEWAY_ISOLATION is set."""

import os
from typing import Final

WHOLE: Final = bool(os.environ.get("MEMORY_GATEWAY_ISOLATION"))


def operations(usually: int, whole: int = 100_000) -> int:
    return whole if WHOLE else usually
