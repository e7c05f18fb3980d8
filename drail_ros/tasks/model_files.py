# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

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
