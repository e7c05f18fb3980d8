"""MuJoCo model files that other packages install, found without importing those packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from drail_ros.errors import UserError


def model_file(package: str, *parts: str) -> Path:
    """Return the path of a file in an installed package.

    Raises:
        UserError: the package or the file is missing.

    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder).joinpath(*parts)
        if path.exists():
            return path
    name = package.replace('_', '-')
    raise UserError(f'the MuJoCo model {parts[-1]} is missing',
                    found='no such file in it' if spec else f'no package {name}',
                    expected=f'the installed package {name} with its model files',
                    do=f'pip install --upgrade {name}')
