"""Files that appear whole or not at all, and named tensors with JSON information in one file."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drail_ros.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, fsync, rename: readers see the old file or the new one, never a part.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.

    """
    partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise UserError(
            f'cannot write {path}', found=error.strerror,
            expected=f'{len(content)} bytes free' if full else 'a folder that can be written',
            do='free disk space, then resume; everything written before is intact' if full
            else 'choose another folder') from error


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
    from safetensors import SafetensorError, safe_open
    try:
        with safe_open(str(path), framework='pt') as file:
            info = json.loads((file.metadata() or {})['drail_ros'])
            return {name: file.get_tensor(name) for name in file.keys()}, info
    except FileNotFoundError:
        raise UserError(f'{kind} {path} does not exist') from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UserError(f'{kind} {path} cannot be read', found=error,
                        expected='a whole safetensors file written by drail_ros') from error
