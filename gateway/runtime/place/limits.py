"""What the system allows a process: open files, and watched ones."""

from collections.abc import Iterator
from typing import Final

from gateway.config.compiled import Config
from gateway.runtime.place.facts import Place, Said, problem, unknown

OPEN_FILES: Final = 4_096
WATCHES: Final = {"max_user_watches": 8_192, "max_user_instances": 128}


def limits(config: Config, place: Place) -> Iterator[Said]:
    """Each connection is an open file; each watched folder takes a place of the user's."""
    allowed = place.open_files()
    if allowed < OPEN_FILES:
        hint = f"ulimit -n {OPEN_FILES}, or LimitNOFILE in the service: each connection needs one"
        yield problem("open files", f"this process may open {allowed}", hint)
    for name, least in WATCHES.items() if config.reload.watch else ():
        try:
            given = int((place.proc / "sys/fs/inotify" / name).read_text())
        except (OSError, ValueError):
            yield unknown("inotify", f"there is no {place.proc}/sys/fs/inotify/{name} here")
            continue
        if given < least:
            hint = f"sysctl fs.inotify.{name}={least}: without it changes are only noticed by comparing contents"
            yield problem("inotify", f"{name} is {given}", hint)
