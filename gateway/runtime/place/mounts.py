"""File systems under the files: which tell of changes, which lock as a database needs, which forget."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.compiled import Config
from gateway.runtime.place.facts import Place, Said, kept_files, problem, standing, unknown

REMOTE: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.glusterfs",
    "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.mount-s3", "fuse.ceph", "fuse.cephfs", "gpfs", "beegfs",
})  # fmt: skip
FORGETS: Final = frozenset({"tmpfs", "ramfs"})


class Mount(msgspec.Struct, frozen=True):
    point: Path
    kind: str


def mounts(config: Config, place: Place) -> Iterator[Said]:
    """Files that are mounted by themselves never tell of changes; databases and remote file systems do not go together."""
    known = read_mounts(place.proc)
    if known is None:
        yield unknown("mounts", f"there is no {place.proc}/self/mountinfo here")
        return
    points = {mount.point for mount in known}
    for file in config.files:
        if file.absolute() in points or file.resolve() in points:
            hint = "mount its folder instead: a replaced file is only noticed by the slow comparison of contents"
            yield problem(str(file), "is a mount by itself (subPath, or a bind mount of one file)", hint)
    for declared, path in kept_files(config):
        kind = kind_of(known, standing(path).resolve())
        if kind in REMOTE:
            hint = "keep it on a local disk: locks over a network lose writes"
            yield problem(f"provider {declared.key}", f"{path} is on a network file system ({kind})", hint)
        if kind in FORGETS:
            hint = "mount a volume there: what is kept goes with the machine's memory"
            yield problem(f"provider {declared.key}", f"{path} is on {kind}", hint)


def read_mounts(proc: Path) -> list[Mount] | None:
    """What is mounted, as the kernel lists it; None where it does not."""
    try:
        lines = (proc / "self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    found: list[Mount] = []
    for line in lines:
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if dash and len(fields) > 4:
            found.append(Mount(Path(_plain(fields[4])), right.split(" ")[0]))
    return found


def kind_of(known: list[Mount], path: Path) -> str:
    """The kind of the file system that holds a path; of several on one point the last mounted."""
    holding = [mount for mount in known if path.is_relative_to(mount.point)]
    return max(enumerate(holding), key=lambda each: (len(each[1].point.parts), each[0]))[1].kind if holding else ""


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda each: chr(int(each[1], 8)), text)
