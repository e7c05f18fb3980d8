"""Files that appear whole or not at all: a reader never meets one half written.

A killed process or a power cut leaves either the old file or the new one, and perhaps a leftover
whose name starts with a dot and ends in ``.part``.
"""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = '.part'


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, read back, rename, flush the folder.

    Raises:
        OSError: the file was not written; what was there before is unharmed.

    """
    beside = path.with_name(f'.{path.name}{SUFFIX}')
    try:
        with beside.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if beside.read_bytes() != content:
            raise OSError(f'{path}: the disk gave back other bytes than were written')
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left; only for the one process that may write the folder."""
    for leftover in folder.glob(f'.*{SUFFIX}'):
        leftover.unlink(missing_ok=True)
