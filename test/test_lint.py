# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The checks of ament lint, wherever a ROS distro or a workspace brings them."""

from pathlib import Path
import shutil
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ['bench', 'drail_ros', 'launch', 'test']  # not what colcon or pip built beside them

OTHER_DOCSTRINGS = [
    'D213',  # the summary stands in the first line (google style, D212)
    'D401',  # would hold for properties too, which are nouns; ruff checks the others
    'D403',  # a formula begins with its symbol, capital or not
    'D406',  # sections end with a colon (google style) ...
    'D407',  # ... and are not underlined
]


pytestmark = pytest.mark.filterwarnings('ignore')  # those of the linters, which are not ours


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def linter(name: str) -> ModuleType:
    """Return the main module of a linter, or skip the test."""
    return pytest.importorskip(f'{name}.main', reason=f'{name} is not installed')


@pytest.mark.copyright
@pytest.mark.linter
def test_copyright() -> None:
    main = linter('ament_copyright').main
    assert main(argv=[*SOURCES, 'CONTRIBUTING.md', 'LICENSE']) == 0


@pytest.mark.flake8
@pytest.mark.linter
def test_flake8() -> None:
    main_with_errors = linter('ament_flake8').main_with_errors
    status, errors = main_with_errors(argv=['--config', 'setup.cfg', *SOURCES, 'setup.py'])
    assert status == 0, '\n'.join(errors)


@pytest.mark.pep257
@pytest.mark.linter
def test_pep257() -> None:
    main = linter('ament_pep257').main
    assert main(argv=[*SOURCES, 'setup.py', '--add-ignore', *OTHER_DOCSTRINGS]) == 0


@pytest.mark.xmllint
@pytest.mark.linter
def test_xmllint(capsys: pytest.CaptureFixture[str]) -> None:
    main = linter('ament_xmllint').main
    if shutil.which('xmllint') is None:
        pytest.skip('xmllint is not installed')
    status = main(argv=['package.xml'])
    said = capsys.readouterr().err
    # package.xml names its schema by an address, and without a network there is none.
    if 'failed to load external entity "http' in said and '/package.xml:' not in said:
        pytest.skip('the schema of package.xml cannot be reached')
    assert status == 0, said
