"""What a model may ask of its files, in the words of Claude's memory tool."""

from typing import TypeAlias

import msgspec


class View(msgspec.Struct, frozen=True, tag_field="command", tag="view"):
    path: str
    view_range: tuple[int, int] | None = None


class Create(msgspec.Struct, frozen=True, tag_field="command", tag="create"):
    path: str
    file_text: str


class StrReplace(msgspec.Struct, frozen=True, tag_field="command", tag="str_replace"):
    path: str
    old_str: str
    new_str: str = ""


class Insert(msgspec.Struct, frozen=True, tag_field="command", tag="insert"):
    path: str
    insert_line: int
    insert_text: str


class Delete(msgspec.Struct, frozen=True, tag_field="command", tag="delete"):
    path: str


class Rename(msgspec.Struct, frozen=True, tag_field="command", tag="rename"):
    old_path: str
    new_path: str


Command: TypeAlias = View | Create | StrReplace | Insert | Delete | Rename
