"""What went wrong with files, in the gateway's words. Details name the provider, never paths or contents."""

import errno
from typing import Final

from gateway.domain.errors import Unavailable

_WORDS: Final = {
    errno.ENOSPC: ("folder_full", "the disk is full"),
    errno.EDQUOT: ("folder_full", "the disk's quota is used up"),
    errno.EROFS: ("folder_read_only", "the folder cannot be written"),
    errno.EACCES: ("folder_denied", "the folder's permissions do not allow it"),
    errno.EPERM: ("folder_denied", "the folder's permissions do not allow it"),
    errno.ENOTDIR: ("folder_is_file", "a file is where the folder should be"),
    errno.EEXIST: ("folder_is_file", "a file is where the folder should be"),
    errno.ENOENT: ("folder_gone", "the folder is gone"),
    errno.EMFILE: ("folder_files", "too many files are open"),
    errno.EIO: ("folder_io", "the disk failed"),
}


def in_words(error: OSError, name: str) -> Unavailable:
    code, words = _WORDS.get(error.errno or 0, ("folder_failed", f"the folder cannot be used ({type(error).__name__})"))
    return Unavailable(f"{name}: {words}", code=code)
