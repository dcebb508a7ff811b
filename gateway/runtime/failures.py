"""A failure of other people's code as it may be told: what kind, and where it began. Never its words, which may hold a
credential or contents.
"""

import traceback
from collections.abc import Mapping


def about(error: BaseException) -> Mapping[str, str]:
    """Fields for a line of the log."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return {"why": type(error).__name__, "where": where}
