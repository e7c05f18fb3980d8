# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings: frozen dataclasses whose fields carry help, unit, range and choices as data.

The same description fills the command line, ROS parameters, YAML files and run records. Nested
settings have dotted names (``reward.width``). Knows nothing of any particular setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import dataclasses
from dataclasses import dataclass
import functools
import math
import shlex
from typing import Any, get_type_hints, TypeVar

from drail_ros.errors import unknown_name, UserError

S = TypeVar('S', bound='Settings')
Scalar = bool | int | float | str

_types: Callable[[type], dict[str, Any]] = functools.cache(get_type_hints)
_TRUE, _FALSE = ('true', 'yes', '1', 'on'), ('false', 'no', '0', 'off')


@dataclass(frozen=True)
class Spec:
    """Description of one scalar setting."""

    name: str
    type: type
    default: Scalar
    help: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def describe(self) -> str:
        """Help text with unit, range and choices."""
        parts = [self.help]
        if self.unit:
            parts.append(f'[{self.unit}]')
        if self.choices:
            return ' '.join(parts) + '; one of ' + ', '.join(self.choices)
        if self.low is not None or self.high is not None:
            parts.append(f'in [{_bound(self.low, "-inf")}, {_bound(self.high, "inf")}]')
        return ' '.join(parts)

    def convert(self, value: object) -> Scalar:
        """Return ``value`` (text or scalar) as this setting's type, range checked.

        Raises:
            UserError: it has another type, is not finite, or lies outside the range or the
                choices.

        """
        converted = self._as_type(value)
        if self.choices and converted not in self.choices:
            raise unknown_name(f'value of setting {self.name!r}', str(converted), self.choices)
        if isinstance(converted, (int, float)) and not isinstance(converted, bool):
            if isinstance(converted, float) and not math.isfinite(converted):
                raise UserError(f'setting {self.name!r} is not finite', found=converted,
                                expected=self.describe())
            if not (_or(self.low, -math.inf) <= converted <= _or(self.high, math.inf)):
                raise UserError(f'setting {self.name!r} is out of range', found=converted,
                                expected=self.describe())
        return converted

    def _as_type(self, value: object) -> Scalar:
        try:
            if self.type is bool:
                if isinstance(value, bool):
                    return value
                text = str(value).lower()
                if text in _TRUE + _FALSE:
                    return text in _TRUE
            elif isinstance(value, bool):  # is a number to Python
                if 'true' in self.choices:
                    return str(value).lower()
            elif self.type is int:
                return _as_integer(value)
            elif self.type is float:
                return float(value)  # type: ignore[arg-type]
            elif isinstance(value, (str, int, float)):
                return str(value)
        except (TypeError, ValueError, OverflowError):
            pass
        raise UserError(f'setting {self.name!r} has the wrong type', found=repr(value),
                        expected=f'{self.type.__name__}: {self.describe()}')


def setting(default: Scalar, help: str, *, unit: str = '', low: float | None = None,
            high: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """Declare a scalar setting of a Settings class."""
    metadata = {'help': help, 'unit': unit, 'low': low, 'high': high, 'choices': choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Base of all settings; construction checks types, ranges and choices."""

    def __post_init__(self) -> None:
        """Check every scalar of this object (nested settings checked themselves)."""
        for name, spec in specs(type(self), nested=False).items():
            object.__setattr__(self, name, spec.convert(getattr(self, name)))


def specs(owner: type[Settings] | Settings, *, nested: bool = True) -> dict[str, Spec]:
    """Return the settings of a class, or of an object whose nested settings were chosen."""
    found: dict[str, Spec] = {}
    cls = owner if isinstance(owner, type) else type(owner)
    types = _types(cls)
    for field in dataclasses.fields(cls):
        value = field.default if isinstance(owner, type) else getattr(owner, field.name)
        if isinstance(value, Settings):
            if nested:
                for name, spec in specs(value).items():
                    found[f'{field.name}.{name}'] = dataclasses.replace(
                        spec, name=f'{field.name}.{name}')
        elif field.metadata:
            default = value if not isinstance(owner, type) else field.default
            found[field.name] = Spec(field.name, types[field.name], default,  # type: ignore
                                     **field.metadata)
    return found


def values(settings: Settings) -> dict[str, Scalar]:
    """Return all settings of an object by dotted name."""
    return {name: spec.default for name, spec in specs(settings).items()}


def defaults(settings: Settings) -> dict[str, Scalar]:
    """Return what the classes of an object and of its nested settings say by default."""
    found = {name: spec.default for name, spec in specs(type(settings), nested=False).items()}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Settings):
            found |= {f'{field.name}.{name}': default for name, default in defaults(value).items()}
    return found


def replace(settings: S, overrides: Mapping[str, object], source: str = 'settings') -> S:
    """Return a copy with the named settings replaced; values may be text.

    Raises:
        UserError: a name is unknown, or a value has the wrong type or range; says in which
            ``source``.

    """
    known = specs(settings)
    for name in overrides:
        if name not in known:
            raise unknown_name(f'setting in {source}', name, known)
    with naming(source):
        return _replace(settings, {name: known[name].convert(v) for name, v in overrides.items()})


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """Have errors begin with the source of the values that are looked at."""
    try:
        yield
    except UserError as error:
        raise UserError(f'{source}: {error}') from None


def parse_assignments(text: str) -> dict[str, str]:
    """Read ``'learner.width=128 reward.epochs=8'``; quoting is that of a shell.

    Raises:
        UserError: a quotation is left open, a word assigns nothing, or a name comes twice.

    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError('assignments cannot be read', found=f'{text} ({error})',
                        expected='NAME=VALUE NAME=VALUE …', do='close what is quoted') from None
    return assigned(words)


def assigned(words: Iterable[str]) -> dict[str, str]:
    """Return the values of ``NAME=VALUE`` words by name.

    Raises:
        UserError: a word assigns nothing, or a name comes twice.

    """
    found: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition('=')
        if not (name.strip() and separator):
            raise UserError('an assignment has the wrong form', found=repr(word),
                            expected='NAME=VALUE', do='leave no space around the =')
        if name in found:
            raise UserError(f'{name!r} is assigned twice', found=f'{found[name]!r}, {value!r}',
                            expected='one value')
        found[name] = value
    return found


def _replace(settings: S, flat: Mapping[str, Scalar]) -> S:
    here: dict[str, Any] = {name: v for name, v in flat.items() if '.' not in name}
    for group in {name.split('.')[0] for name in flat if '.' in name}:
        inner = {n.split('.', 1)[1]: v for n, v in flat.items() if n.startswith(group + '.')}
        here[group] = _replace(getattr(settings, group), inner)
    return dataclasses.replace(settings, **here)


def _as_integer(value: object) -> int:
    """Return an integer that may be written as 1e6; ValueError where it is none."""
    with contextlib.suppress(ValueError):
        if isinstance(value, (int, str)):
            return int(value)
    number = float(value)  # type: ignore[arg-type]
    if number != int(number):
        raise ValueError
    return int(number)


def _or(bound: float | None, default: float) -> float:
    return default if bound is None else bound


def _bound(bound: float | None, default: str) -> str:
    return default if bound is None else f'{bound:g}'
