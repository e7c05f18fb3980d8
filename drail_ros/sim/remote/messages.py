"""Messages between a trainer and its simulators: named arrays and a few facts, as bytes.

The bytes are a safetensors blob: self-describing, checked on reading, nothing executable in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from drail_ros.tasks.task import Array

PROTOCOL = 'drail_ros batch 2'


class MalformedMessageError(ValueError):
    """Bytes that are no message of this protocol."""


@dataclass(frozen=True)
class Message:
    """``kind`` says what it is; ``session`` and ``sequence`` which request it is or answers."""

    kind: str
    session: str = ''
    sequence: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the bytes."""
        header = {'protocol': PROTOCOL, 'kind': self.kind, 'session': self.session,
                  'sequence': self.sequence, 'facts': dict(self.facts)}
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        return save(arrays, {'message': json.dumps(header)})


def decode(content: bytes) -> Message:
    """Return the message in some bytes.

    Raises:
        MalformedMessageError: they hold none, or one of another protocol version.

    """
    try:
        length = int.from_bytes(content[:8], 'little')
        header = json.loads(json.loads(content[8:8 + length])['__metadata__']['message'])
        if header['protocol'] != PROTOCOL:
            raise MalformedMessageError(f'found {header["protocol"]!r}, expected {PROTOCOL!r}')
        return Message(str(header['kind']), str(header['session']), int(header['sequence']),
                       dict(header['facts']), load(content))
    except (SafetensorError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise MalformedMessageError(str(error)) from error
