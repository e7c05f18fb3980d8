# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The ``drail`` command: demos, train, compare, eval, view, export, plot, up, demo.

Only up and demo need ROS.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
import contextlib
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING

from drail_ros import __version__, settings
from drail_ros.cli_demos import add_demos, add_task
from drail_ros.errors import INTERRUPTED, UserError

if TYPE_CHECKING:
    from drail_ros.learn.train.settings import RunSettings

_COMMAND_LINE = 'command line'
_OF_TRAIN = ('agent', 'noise', 'preset', 'total-steps', 'demo-path')
"""Settings that ``drail compare`` takes as ``drail train`` does."""
_LISTED = ('task', 'algorithm', 'agent')
"""Settings whose choices are told below the help of all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(words).parse_args(words)
        return options.execute(options)
    except UserError as error:
        print(f'drail: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('drail: interrupted', file=sys.stderr)
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='drail', description='From demonstrations to a policy on hardware.')
    parser.add_argument('--version', action='version', version=f'drail_ros {__version__}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    add_demos(commands)
    _add_train(commands, words)
    _add_compare(commands)
    _add_eval(commands)
    _add_view(commands)
    _add_export(commands)
    _add_plot(commands)
    _add_up(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction, words: Sequence[str]) -> None:
    train = commands.add_parser(
        'train', help='train in this process', allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Settings below are those of the chosen --task, --algorithm, --agent and '
                    '--preset.')
    train.set_defaults(execute=_train)
    if words[:1] != ['train']:
        return
    train.add_argument('--config', type=Path, metavar='FILE',
                       help='YAML file of settings, or the folder of a run; what is given beside '
                            'it wins')
    train.add_argument('--show-settings', action='store_true',
                       help='print every setting and where its value comes from; train nothing')
    from drail_ros.learn.train.names import choices
    train.epilog = '\n\n'.join(_listed(title, names) for title, names in choices().items())
    for spec in settings.specs(_chosen_settings(words[1:])).values():
        train.add_argument(
            _flag(spec.name), dest=spec.name, default=argparse.SUPPRESS, metavar=_metavar(spec),
            help=f'{spec.describe()} (default: {spec.default!r})'.replace('%', '%%'))


def _chosen_settings(words: Sequence[str]) -> settings.Settings:
    """Return settings of the run that the words choose, before all of them can be understood."""
    from drail_ros.learn.train.names import CHOSEN_FIRST
    from drail_ros.learn.train.settings import resolve
    first = argparse.ArgumentParser('drail train', add_help=False, allow_abbrev=False)
    first.add_argument('--config', type=Path)
    for name in CHOSEN_FIRST:
        first.add_argument(f'--{name}', default=argparse.SUPPRESS)
    chosen = vars(first.parse_known_args(words)[0])
    config = chosen.pop('config')
    return resolve({_COMMAND_LINE: chosen}, config).settings


def _listed(title: str, summaries: Mapping[str, str]) -> str:
    width = max(map(len, summaries))
    return '\n'.join([f'{title}:', *(f'  {name:{width}}  {summary}'
                                     for name, summary in summaries.items())])


def _metavar(spec: settings.Spec) -> str:
    if spec.choices:
        return '|'.join(spec.choices)
    if spec.type is bool:
        return 'true|false'
    return spec.name.upper() if spec.name in _LISTED else spec.type.__name__.upper()


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')


def _train(options: argparse.Namespace) -> int:
    from drail_ros.learn.train.settings import resolve
    given = {name: value for name, value in vars(options).items()
             if name not in ('command', 'execute', 'config', 'show_settings')}
    resolved = resolve({_COMMAND_LINE: given}, options.config)
    if options.show_settings:
        print(resolved)
        return 0
    return _train_here(resolved.settings)


def _train_here(run: RunSettings) -> int:
    from drail_ros import pipeline
    from drail_ros.learn.train.settings import length_of, task_of
    from drail_ros.sim.make import make_sim
    from drail_ros.view.progress import Progress
    demonstrations = pipeline.demonstrations_for(run, print)
    progress = Progress(*length_of(run))
    sim = make_sim(task_of(run), run.num_envs, run.noise)
    interrupted = _StopOnce()
    try:
        path = pipeline.train(run, demonstrations, sim, progress.report, interrupted,
                              on_begin=progress.begin)
    finally:
        progress.close()
        sim.close()
    print(f'policy exported to {path}')
    if interrupted():
        print('interrupted; continue with --resume true', file=sys.stderr)
        return INTERRUPTED
    return 0


_COMPARE_HELP = """\
Trains every algorithm with every seed, judges the last policy of each, and writes a figure and
tables. Nothing is done twice: what was stopped goes on with the same command, and what has a
result is not run again.

In the folder of --output:
  comparison.png .md .csv, trials.csv   figure, tables, and a row for every trial
  results/NAME.json                     all there is to know of a trial; small, made to be kept:
                                        figure and tables need nothing else
  runs/NAME/                            what training wrote; can be deleted once there is a result

Without --vary the figure shows learning curves. With --vary NAME=VALUE,VALUE it shows the success
of the last policies over these values, and with several --vary a panel for each: they are varied
one at a time, while the others are as they are without --vary, so that there are lines through
one point and no grid. A value such as x0.5 is a factor of what the setting is otherwise, for each
algorithm its own. Methods that learn from demonstrations alone never see the noise: they are
trained once and judged at each level.
"""
_COMPARE_EXAMPLES = """\
examples:
  drail compare --task point_reach --algorithms gail bc --seeds 0 1 2
  drail compare --algorithms drail gail bc --vary noise=1,1.25,1.5,1.75,2 --jobs 2
  drail compare --algorithms drail gail --vary learner.learning_rate=x0.2,x0.5,x1,x2,x5
  drail compare --algorithms drail --variant 'drail, one draw=drail:reward.reward_draws=1'
"""


def _add_compare(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        'compare', help='train several algorithms with several seeds; figure and tables',
        description=_COMPARE_HELP, epilog=_COMPARE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_task(command)
    command.add_argument('--algorithms', nargs='+', default=[], metavar='NAME')
    command.add_argument('--variant', action='append', default=[],
                         metavar='NAME=ALGORITHM[:SETTING=VALUE,…]',
                         help='an algorithm with settings of its own, beside the others under '
                              'this name')
    command.add_argument('--vary', action='append', default=[], metavar='SETTING=VALUE,…',
                         help='values of a setting of drail train, or factors x0.5,x1,x2; once '
                              'for each setting to be varied, one at a time')
    command.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2], metavar='SEED')
    command.add_argument('--episodes', type=int, default=300,
                         help='that judge each last policy by its mean action, and as many by '
                              'samples (default: 300)')
    command.add_argument('--jobs', type=int, default=1,
                         help='trials at a time; with more than one, each has one thread')
    command.add_argument('--output', type=Path, help='folder (default: comparisons/TASK)')
    command.add_argument('--reference', type=Path, metavar='CSV',
                         help='published figures to show beside ours: columns algorithm, value '
                              '(of the varied setting), score (percent, or return), and if there '
                              'are any std and setting')
    command.add_argument('--redraw', action='store_true',
                         help='train nothing: figure and tables of the results there are')
    for name in _OF_TRAIN:
        command.add_argument(f'--{name}', default=argparse.SUPPRESS,
                             help='as of drail train, for the trials that have it')
    command.add_argument('--set', nargs='+', action='extend', default=[],
                         metavar='[ALGORITHM:]SETTING=VALUE',
                         help='other settings, of all trials that have them or of one algorithm '
                              'and its variants')
    command.set_defaults(execute=_compare)


def _compare(options: argparse.Namespace) -> int:
    from drail_ros.compare import compare, Comparison, redraw, Variant
    given = vars(options)
    names = [name.replace('-', '_') for name in _OF_TRAIN]
    common: dict[str, object] = {name: given[name] for name in names if name in given}
    special: dict[str, dict[str, object]] = {}
    for name, value in settings.assigned(options.set).items():
        algorithm, _, name = name.rpartition(':')
        (special.setdefault(algorithm, {}) if algorithm else common)[name] = value
    variants = {}
    for label, text in settings.assigned(options.variant).items():
        algorithm, _, own = text.partition(':')
        variants[label] = Variant(algorithm, settings.assigned(own.split(',')) if own else {})
    vary = {name: values.split(',') for name, values in settings.assigned(options.vary).items()}
    output = options.output or Path('comparisons') / options.task
    what = Comparison(options.task, options.algorithms, options.seeds, output, options.episodes,
                      options.jobs, common, special, variants, vary, options.reference)
    return redraw(what, print) if options.redraw else compare(what, print)


class _StopOnce:
    """Ctrl-C asks training to stop after the iteration; a second one interrupts at once."""

    def __init__(self) -> None:
        self._asked = False
        self._before = signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)

    def __call__(self) -> bool:
        return self._asked

    def _stop(self, number: int, frame: object) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, self._before)


def _add_eval(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser('eval', help='measure how often a policy succeeds')
    command.add_argument('policy', type=Path, help='run folder, .safetensors or .onnx')
    command.add_argument('--episodes', type=int, default=200)
    command.add_argument('--noise', type=float, default=0.0, help='0: that of the training')
    command.add_argument('--seed', type=int, default=0)
    command.add_argument('--sampled', action='store_true', help='sample actions')
    command.set_defaults(execute=_eval)


def _eval(options: argparse.Namespace) -> int:
    from drail_ros import pipeline
    result, info = pipeline.evaluate_policy(
        options.policy, episodes=options.episodes, noise=options.noise, seed=options.seed,
        sampled=options.sampled)
    print(f'{info["task"]} {options.policy}: {result}')
    return 0


def _add_view(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        'view', help='see a task, a policy or demonstrations, on a web page or as a film',
        description='A task is shown acted by its expert, a policy by its mean action.')
    command.add_argument('what', metavar='TASK|POLICY',
                         help='task; or run folder, .safetensors or .onnx')
    command.add_argument('--demos', type=Path, metavar='FOLDER',
                         help='show these demonstrations instead of somebody who acts')
    command.add_argument('--episodes', type=int, default=0,
                         help='0: 10, or all demonstrations of the folder')
    command.add_argument('--noise', type=float, default=0.0,
                         help="0: that of the training, or the task's own")
    command.add_argument('--seed', type=int, default=0)
    command.add_argument('--output', type=Path, metavar='FILE',
                         help='write a film, .mp4 or .gif, instead of serving the page')
    command.add_argument('--port', type=int, default=8080,
                         help='of the web page (default: 8080; 0: any free one)')
    command.add_argument('--host', default='127.0.0.1',
                         help='address of this machine that the web page is served at (default: '
                              '127.0.0.1, which no other machine reaches)')
    command.set_defaults(execute=_view)


def _view(options: argparse.Namespace) -> int:
    if options.output:
        from drail_ros.view.gl import choose_gl
        choose_gl()
        from drail_ros.view.film import check_output
        check_output(options.output)
    from drail_ros.view.shown import episodes_of
    episodes = episodes_of(options.what, options.demos, options.episodes, options.noise,
                           options.seed)
    if not options.output:
        from drail_ros.view.live import show
        with contextlib.suppress(KeyboardInterrupt):
            show(episodes, options.host, options.port, lambda text: print(text, flush=True))
        return 0
    from tqdm import tqdm

    from drail_ros.view.film import film
    with tqdm(total=len(episodes), unit='episode') as bar:
        frames = film(episodes, options.output, lambda done, total: bar.update(done - bar.n))
    print(f'{frames} frames in {options.output}')
    return 0


def _add_export(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser('export', help='write a policy as one self-describing ONNX file')
    command.add_argument('policy', type=Path, help='run folder or .safetensors')
    command.add_argument('output', type=Path, help='.onnx file to write')
    command.set_defaults(execute=_export)


def _export(options: argparse.Namespace) -> int:
    from drail_ros import pipeline
    difference = pipeline.export_policy(options.policy, options.output)
    print(f'{options.output}: largest difference from torch {difference:.1e}')
    return 0


def _add_plot(commands: argparse._SubParsersAction) -> None:
    plot = commands.add_parser('plot', help='learning curves, reward maps')
    kinds = plot.add_subparsers(dest='kind', required=True, metavar='KIND')
    curves = kinds.add_parser('curves', help='success over environment steps')
    curves.add_argument('runs', type=Path, nargs='+', help='run folders; seeds are averaged')
    curves.add_argument('--output', type=Path, default=Path('curves.png'))
    curves.set_defaults(execute=_plot_curves)
    sine = kinds.add_parser('sine', help='rewards learned on task sine, on one scale')
    sine.add_argument('runs', type=Path, nargs='+',
                      help='run folders of task sine; seeds are averaged')
    sine.add_argument('--output', type=Path, default=Path('sine.png'))
    sine.add_argument('--results', type=Path,
                      help="folder for what was measured of each run (default: the picture's)")
    sine.set_defaults(execute=_plot_sine)


def _plot_curves(options: argparse.Namespace) -> int:
    from drail_ros.view.curves import plot_curves
    plot_curves(options.runs, options.output)
    print(f'drawn in {options.output}')
    return 0


def _plot_sine(options: argparse.Namespace) -> int:
    from drail_ros.view.reward_map import plot_reward_maps
    print(plot_reward_maps(options.runs, options.output,
                           options.results or options.output.parent))
    print(f'drawn in {options.output}')
    return 0


def _add_up(commands: argparse._SubParsersAction) -> None:
    from drail_ros.stack.description import STACKS
    up = commands.add_parser('up', help='start the nodes of a stack (where ros2 launch is not)')
    stacks = up.add_subparsers(dest='stack', required=True, metavar='STACK')
    for stack in STACKS.values():
        summaries = {argument.name: argument.description + ''.join(
            f' [{"|".join(choices)}]' for choices in [argument.choices] if choices)
            for argument in stack.arguments}
        parser = stacks.add_parser(stack.name, help=stack.summary, description=stack.summary,
                                   formatter_class=argparse.RawDescriptionHelpFormatter,
                                   epilog=_listed('arguments', summaries))
        parser.add_argument('assignments', nargs='*', metavar='name:=value',
                            help='arguments of the stack, listed below')
    up.set_defaults(execute=lambda options: _up(options.stack, options.assignments))
    demo = commands.add_parser('demo', help='train_fetch, then evaluate what it exported')
    demo.add_argument('assignments', nargs='*', metavar='name:=value',
                      help='parameters of train_fetch, such as seed:=1')
    demo.set_defaults(execute=_demo)


def _up(stack: str, assignments: Sequence[str]) -> int:
    from drail_ros.stack.up import up
    return up(stack, list(assignments))


def _demo(options: argparse.Namespace) -> int:
    """Learn to push, then serve the result to the simulated robot; a second call resumes."""
    output = dict(word.split(':=', 1) for word in options.assignments if ':=' in word).get(
        'output_dir', 'runs/demo')
    status = _up('train_fetch', [f'output_dir:={output}', 'resume:=auto', 'stop_at_success:=0.95',
                                 *options.assignments])
    if status:
        return status
    return _up('evaluate', [f'policy_path:={output}/policy.onnx'])


if __name__ == '__main__':
    sys.exit(main())
