"""Did you mean: the nearest of the known names, and how to list them. Knows words, not what they stand for."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` most likely misspells: same letters in another case, else a near one."""
    names = sorted(set(known))
    folded = {name.casefold().replace("-", "_"): name for name in names}
    if exact := folded.get(word.casefold().replace("-", "_")):
        return exact
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    return close[0] if close else None


def advise(word: str, known: Iterable[str]) -> str:
    """A hint: the near miss, then what is known."""
    names = sorted(set(known))
    listed = f"known: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}" if names else "none is declared"
    near = nearest(word, names)
    return f"did you mean '{near}'? {listed}" if near else listed
