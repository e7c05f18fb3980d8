# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Files that appear whole or not at all, and named tensors with JSON information in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import contextlib
import errno
import json
import os
from pathlib import Path
import shutil
from typing import Any, TYPE_CHECKING

from drail_ros.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_LEFTOVER = '.part'


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, read back, rename, flush the folder.

    A killed process or a power cut leaves the old file or the new one, and perhaps a leftover
    whose name starts with a dot and ends in ``.part``.

    Raises:
        OSError: the file was not written; what was there before is unharmed.

    """
    beside = path.with_name(f'.{path.name}{_LEFTOVER}')
    try:
        with beside.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if beside.read_bytes() != content:
            raise OSError(f'{path}: the disk gave back other bytes than were written')
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
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
    for leftover in folder.glob(f'.*{_LEFTOVER}'):
        leftover.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and its folder where missing; readers see the old file or the new one.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise UserError(
            f'cannot write {path}', found=error.strerror or error,
            expected=f'{len(content)} bytes free' if full else 'a folder that can be written',
            do='free disk space, then resume; everything written before is intact' if full
            else 'choose another folder') from error


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes ``path`` when the block ends well, else disappears.

    What is written in it has to be flushed by who writes it (``write_whole`` does).

    Raises:
        UserError: there is something of that name already, or the disk is full.

    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f'{path} exists already', expected='a name not yet taken',
                        do='choose another name, or delete it')
    beside = path.absolute().with_name(f'.{path.absolute().name}{_LEFTOVER}')
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        flush_folder(beside)
        os.replace(beside, path)
        flush_folder(beside.parent)
    except OSError as error:
        raise UserError(f'cannot write {path}', found=error.strerror or error,
                        expected='a folder that can be written, with free space',
                        do='make room or choose another folder; nothing was written') from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON a person can read, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=2) + '\n').encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is missing or not JSON.

    """
    try:
        return json.loads(path.read_text('utf-8'))
    except FileNotFoundError:
        raise UserError(f'{path} does not exist') from None
    except (OSError, ValueError) as error:
        raise UserError(f'{path} cannot be read', found=error, expected='JSON') from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], info: Mapping[str, Any]) -> None:
    """Write named tensors and JSON information as safetensors."""
    from safetensors.torch import save
    contiguous = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    write_whole(path, save(contiguous, {'drail_ros': json.dumps(dict(info))}))


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_tensors`` wrote; ``kind`` names the file's role in errors.

    Raises:
        UserError: the file is missing, truncated or of another kind.

    """
    from safetensors import safe_open, SafetensorError
    try:
        with safe_open(str(path), framework='pt') as file:
            info = json.loads((file.metadata() or {})['drail_ros'])
            return {name: file.get_tensor(name) for name in file.keys()}, info
    except FileNotFoundError:
        raise UserError(f'{kind} {path} does not exist') from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UserError(f'{kind} {path} cannot be read', found=error,
                        expected='a whole safetensors file written by drail_ros') from error
