# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What the documents show is there: files, commands, arguments; and nothing that is not yet."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
import re
import shlex
from xml.etree import ElementTree

import pytest
import yaml

from drail_ros import cli, compare, plugins, settings
from drail_ros.learn.train.names import agents, algorithms
from drail_ros.learn.train.settings import resolve
from drail_ros.nodes.expert import ExpertSettings
from drail_ros.nodes.policy_server import ServerSettings
from drail_ros.nodes.recorder import RecorderSettings
from drail_ros.nodes.simulator import SimulatorSettings
from drail_ros.nodes.trainer import NodeSettings
from drail_ros.stack.description import (
    EXPERT,
    POLICY_SERVER,
    RECORDER,
    SIMULATOR,
    STACKS,
    TRAINER,
)

ROOT = Path(__file__).resolve().parents[1]
README, ROS = ROOT / 'README.md', ROOT / 'docs' / 'ros.md'
DOCUMENTS = [README, ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
NODES = {POLICY_SERVER: ServerSettings, EXPERT: ExpertSettings, RECORDER: RecorderSettings,
         SIMULATOR: SimulatorSettings}

NOT_YET = {r'\bteleop', r'\bcars?\b', r'\bcameras?\b', r'\bgymnasium environment',
           r'\bsafety gate'}
"""Named in the README's list of what is missing, and nowhere else as if it were there."""


def prose(document: Path) -> str:
    return re.sub(r'^```.*?^```', '', document.read_text('utf-8'), flags=re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', document.read_text('utf-8'),
                      re.MULTILINE | re.DOTALL)


def inline_code(document: Path) -> list[str]:
    return [code.replace('\n', ' ') for code in re.findall(r'`([^`]+)`', prose(document))]


def commands(document: Path) -> list[str]:
    """Every command shown, within the text too; but none that says <what> to put in."""
    lines = [line for block in blocks(document, 'sh')
             for line in block.replace('\\\n', ' ').splitlines()]
    return [part.strip() for line in [*lines, *inline_code(document)] if '<' not in line
            for part in line.split('&&')]


def shown(beginning: str) -> list[object]:
    """Return the words after ``beginning`` of every command that begins so, a test each."""
    return [pytest.param(shlex.split(command.removeprefix(beginning), comments=True),
                         id=f'{document.name}: {command[:60]}')
            for document in DOCUMENTS for command in commands(document)
            if command.startswith(beginning)]


def anchors(document: Path) -> set[str]:
    """Fragments that GitHub makes of the headings."""
    titles = re.findall(r'^#+ (.+)$', prose(document), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def table_of_arguments(stacks: Sequence[str]) -> str:
    """Return what docs/ros.md is to show of stacks that have the same arguments."""
    arguments, = {STACKS[name].arguments for name in stacks}
    plugin_names = [tuple(plugins.names(plugins.TASKS)), tuple(algorithms()), tuple(agents())]
    rows = ['| argument | | values | default |', '|---|---|---|---|']
    for argument in arguments:
        values = ('`drail train --help` lists them' if argument.choices in plugin_names
                  else ' '.join(f'`{choice}`' for choice in argument.choices))
        default = argument.default and f'`{argument.default}`'
        rows.append(f'| `{argument.name}` | {argument.description} | {values} | {default} |')
    return ''.join(f'{row}\n' for row in rows)


def assert_parameters(node: str, given: Mapping[str, object]) -> None:
    """Parameters of a node are known, and those of a trainer go together."""
    given = {name: value for name, value in given.items() if name != 'use_sim_time'}
    if node == TRAINER:
        resolve({'a document': {name: value for name, value in given.items()
                                if name not in settings.specs(NodeSettings)}})
    else:
        assert given.keys() <= settings.specs(NODES[node]).keys()


def assert_arguments(stack: str, words: Sequence[str]) -> None:
    """``name:=value`` are arguments of a stack, and what they give its nodes is right."""
    given = dict(word.split(':=', 1) for word in words)
    for name in ('params_file', 'use_rviz'):  # a file of the reader's; launch's own
        given.pop(name, None)
    for node in STACKS[stack].start(given):
        assert_parameters(node.executable, node.parameters)


def test_the_readme_is_short() -> None:
    assert len(README.read_text('utf-8').splitlines()) <= 120


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.name)
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    for target in re.findall(r'\]\(([^)\s]+)\)', prose(document)):
        path, _, anchor = target.partition('#')
        if not re.match(r'https?:', target):
            file = document.parent / path if path else document
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.name)
def test_files_that_are_named_exist(document: Path) -> None:
    for code in inline_code(document):
        if re.fullmatch(r'(?!runs/)[\w.-]+/[\w./-]*', code):
            roots = [root for root in (ROOT, ROOT / 'drail_ros')
                     if (root / code.split('/')[0]).is_dir()]
            assert not roots or any((root / code).exists() for root in roots), code


@pytest.mark.parametrize('words', shown('drail '))
def test_commands_are_understood(words: list[str], monkeypatch: pytest.MonkeyPatch,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    """By the command line itself; nothing is trained, but what would be is known and sensible."""
    monkeypatch.setattr(compare, 'compare', lambda what, say: int(not what.trials()))
    if words[1:] in ([], ['--help']):
        with pytest.raises(SystemExit) as end:
            cli.main([words[0], '--help'])
        assert end.value.code == 0
    elif words[0] == 'train':
        assert cli.main([*words, '--show-settings']) == 0, capsys.readouterr().err
    elif words[0] == 'compare':
        assert cli.main(words) == 0, capsys.readouterr().err
    else:
        options = cli._parser(words).parse_args(words)
        if words[0] == 'up':
            assert_arguments(options.stack, options.assignments)


@pytest.mark.parametrize('words', shown('ros2 launch drail_ros '))
def test_launch_files_take_what_is_shown(words: list[str]) -> None:
    file, *arguments = words
    assert (ROOT / 'launch' / file).is_file()
    assert_arguments(file.removesuffix('.launch.py'),
                     [word for word in arguments if word != '--show-args'])


@pytest.mark.parametrize('words', shown('ros2 run drail_ros '))
def test_nodes_take_the_parameters_shown(words: list[str]) -> None:
    node, *rest = words
    assert (ROOT / 'scripts' / node).is_file()
    assert_parameters(node, dict(rest[i + 1].split(':=', 1) for i, word in enumerate(rest)
                                 if word == '-p'))


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.name)
def test_arguments_in_the_text_are_of_a_stack(document: Path) -> None:
    for code in inline_code(document):
        if re.match(r'(?!task_name)\w+:=', code):
            words = shlex.split(code)
            names = {word.split(':=')[0] for word in words} - {'use_rviz'}
            stacks = [name for name, stack in STACKS.items()
                      if names <= {argument.name for argument in stack.arguments}]
            assert stacks, code
            assert_arguments(stacks[0], words)


def test_parameter_files_shown_are_right() -> None:
    for block in blocks(ROS, 'yaml'):
        for node, content in yaml.safe_load(block).items():
            assert_parameters(node.removeprefix('/**/'), content['ros__parameters'])


def test_arguments_are_listed_as_they_are() -> None:
    found = re.findall(r'<!-- arguments: (.*?) -->\n(.*?)<!-- end -->', ROS.read_text('utf-8'),
                       re.DOTALL)
    assert {name for names, _ in found for name in names.split()} == STACKS.keys()
    for names, table in found:
        expected = table_of_arguments(names.split())
        assert table == expected, f'put this there:\n{expected}'


def test_every_parameter_of_the_server_is_listed() -> None:
    _, _, section = ROS.read_text('utf-8').partition('\n## policy_server\n')
    for name in settings.specs(ServerSettings):
        assert f'\n| `{name}` |' in section, name


def test_python_shown_runs(monkeypatch: pytest.MonkeyPatch,
                           capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    for document in DOCUMENTS:
        for block in blocks(document, 'python'):
            exec(compile(block, str(document), 'exec'), {})
    assert 'hopper' in capsys.readouterr().out


@pytest.mark.parametrize('words', shown('make'))
def test_make_has_the_targets_shown(words: list[str]) -> None:
    targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text('utf-8'), re.MULTILINE)
    assert set(words) <= set(targets)


def test_algorithms_of_the_readme_exist() -> None:
    section = README.read_text('utf-8').partition('\n## Methods\n')[2].partition('\n## ')[0]
    names = [name for row in re.findall(r'^\| (`.*?) \|', section, re.MULTILINE)
             for name in re.findall(r'`(\w+)`', row)]
    assert names and set(names) <= set(algorithms())


def test_pip_gets_what_the_package_needs() -> None:
    listed = re.search(r'install_requires=(\[.*?\])', (ROOT / 'setup.py').read_text(), re.DOTALL)
    install, = (command for command in commands(README) if command.startswith('pip install torch'))
    assert listed
    needed = {re.split('[><=]', name)[0] for name in ast.literal_eval(listed[1])}
    assert needed == {re.split('[><=]', name)[0] for name in shlex.split(install)[2:]}


def test_what_is_missing_is_claimed_nowhere() -> None:
    text, title, missing = README.read_text('utf-8').partition('\n## What is not there yet\n')
    claims = text + str(ElementTree.parse(ROOT / 'package.xml').findtext('description'))
    for word in NOT_YET:
        assert re.search(word, missing, re.IGNORECASE), f'{word} is not named as missing'
        assert not re.search(word, claims, re.IGNORECASE), f'{word} is claimed'
