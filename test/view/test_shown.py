# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What is shown is what happened, and the player goes back and forth in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drail_ros.data.storage import load
from drail_ros.episodes.evaluate import EVALUATION_SEED
from drail_ros.errors import UserError
from drail_ros.sim.make import make_sim
from drail_ros.tasks import fetch_push
from drail_ros.view.player import Player, REST_S
from drail_ros.view.shown import Demonstrated, episodes_of, Shown

EXPERTS = Path(fetch_push.__file__).parent / 'experts'


def test_an_episode_is_that_of_a_simulator() -> None:
    episodes = episodes_of('fetch_push', None, 3, 1.0, 5)
    sim = make_sim(fetch_push.TASK, 3, 1.0, threads=1)
    obs = sim.reset(5 + EVALUATION_SEED)
    shown = episodes[2]
    for before in shown.readings[:-1]:
        np.testing.assert_array_equal(sim.readings[2], before)
        step = sim.step(fetch_push.scripted_expert(obs, np.random.default_rng()))
        obs = step.obs
    assert step.success[2] == shown.success
    np.testing.assert_array_equal(fetch_push.observe(shown.readings[-1:])[0], step.final_obs[2])


def test_an_episode_is_the_same_in_any_order() -> None:
    forth, back = (episodes_of('fetch_push', None, 2, 0.0, 0) for _ in range(2))
    last = back[1].readings
    np.testing.assert_array_equal(forth[0].readings, back[0].readings)
    np.testing.assert_array_equal(forth[1].readings, last)
    assert forth[0].readings[0].tolist() != last[0].tolist()


def test_a_policy_file_says_its_task_and_an_episode_ends_where_it_falls() -> None:
    hopper = episodes_of(str(EXPERTS / 'hopper.onnx'), None, 1, 0.0, 0)
    assert hopper.task.name == 'hopper' and 'hopper.onnx' in hopper.actor
    hopper._act = lambda obs: np.zeros((1, 3), np.float32)  # type: ignore[attr-defined]
    shown = hopper[0]
    ended = hopper.task.terminated(shown.readings)  # type: ignore[misc]
    assert ended[-1] and not ended[:-1].any() and not shown.success
    assert shown.total_reward is not None and shown.steps < hopper.task.horizon


def test_demonstrations_are_shown_as_they_were_observed(demo_path: Path) -> None:
    demos = load(demo_path)
    episodes = episodes_of('fetch_push', demo_path, 4, 0.0, 0)
    assert isinstance(episodes, Demonstrated) and len(episodes) == 4
    start, length = demos.starts[3], demos.lengths[3]
    shown = episodes[3]
    assert shown.success and shown.steps == length
    np.testing.assert_allclose(fetch_push.observe(shown.readings[:-1]),
                               demos.obs[start:start + length], atol=1e-6)
    assert episodes.numbered(3) == 'demonstration 3 (4 of 4), noise 1x'


@pytest.mark.parametrize(('what', 'episodes', 'noise', 'message'), [
    pytest.param('fetch_pull', 1, 0.0, 'did you mean fetch_push', id='no such task'),
    pytest.param('none.onnx', 1, 0.0, 'cannot be read', id='no such ONNX file'),
    pytest.param('none.safetensors', 1, 0.0, 'does not exist', id='no such policy'),
    pytest.param('sine', 1, 0.0, 'no MuJoCo model', id='nothing to show'),
    pytest.param('fetch_push', -1, 0.0, '0 or more', id='no episodes'),
    pytest.param('fetch_push', 1, 9.0, 'out of range', id='noise'),
])
def test_what_cannot_be_shown_is_refused(what: str, episodes: int, noise: float,
                                         message: str) -> None:
    with pytest.raises(UserError, match=message):
        episodes_of(what, None, episodes, noise, 0)


def test_demonstrations_take_no_noise_and_are_of_the_task(demo_path: Path) -> None:
    with pytest.raises(UserError, match='neither beside --demos'):
        episodes_of('fetch_push', demo_path, 0, 1.5, 0)
    with pytest.raises(UserError, match='hopper'):
        episodes_of('hopper', demo_path, 0, 0.0, 0)


class Counted:
    """Episodes of 10, 20 and 30 steps of a task of 25 steps a second; the first one fails."""

    task, actor = fetch_push.TASK, 'nobody'

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> Shown:
        return Shown(np.zeros((11 + 10 * number, 15)), number > 0, None)

    def numbered(self, number: int) -> str:
        return str(number)


@pytest.fixture
def player() -> Player:
    return Player(Counted())


def arrive(player: Player, now_s: float) -> None:
    """Wait until what was chosen is there."""
    assert player._coming is not None
    player._coming.result(10.0)
    player.advance(now_s)


def test_the_player_keeps_time_and_goes_on_after_a_rest(player: Player) -> None:
    player.advance(100.0)
    player.advance(100.2)
    assert (player.number, player.step, player.outcomes) == (0, 5, {})
    player.advance(100.4 + 0.9 * REST_S)
    assert (player.number, player.step, player.outcomes) == (0, 10, {0: False})
    player.advance(100.5 + REST_S)
    assert player.is_waiting and player.step == 10
    arrive(player, 110.0)
    assert (player.number, player.step, player.is_waiting) == (1, 0, False)
    player.advance(110.4)
    assert player.step == 10


def test_the_player_stops_where_one_went_and_wraps_around(player: Player) -> None:
    player.choose(-1)
    arrive(player, 0.0)
    player.go_to(29)
    player.advance(50.0)
    assert (player.number, player.step, player.playing) == (2, 29, False)
    player.playing, player.speed = True, 0.1
    player.advance(50.5)
    assert player.step == 30 and player.outcomes == {2: True}
    player.choose(3)
    arrive(player, 51.0)
    assert player.number == 0
