# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What is played of episodes and how fast, and the panel of the page that says so and asks."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from mujoco.studio import messages
from mujoco.studio.dear_imgui import dear_imgui as imgui

from drail_ros.view.shown import Episodes, Shown

REST_S = 0.8
"""How long the end of an episode stays before the next one begins."""
SPEEDS = (0.1, 2.0)
"""Slowest and fastest, as shares of real time."""
_GREEN, _RED = (0.15, 0.65, 0.32, 1.0), (0.90, 0.30, 0.25, 1.0)
"""Readable on the light and the dark theme of the page."""


class Player:
    """Where one is in which episode; goes on by itself while it plays.

    Episodes are had in a thread, and the next one beforehand, for simulating one takes a while in
    which the page would stand still.
    """

    def __init__(self, episodes: Episodes) -> None:
        self.episodes = episodes
        self.playing, self.speed = True, 1.0
        self.outcomes: dict[int, bool] = {}
        """Of the episodes seen to their end, by number: whether each was a success."""
        self.number, self.shown = 0, episodes[0]
        self._position = 0.0
        self._before_s: float | None = None
        self._thread = ThreadPoolExecutor(1)
        self._coming: Future[Shown] | None = None
        self._thread.submit(episodes.__getitem__, 1 % len(episodes))
        self._chosen = 0

    @property
    def step(self) -> int:
        """Control step that is shown, from 0 to the episode's last."""
        return min(int(self._position), self.shown.steps)

    @property
    def at_end(self) -> bool:
        """Whether the episode's last step is shown."""
        return self.step == self.shown.steps

    @property
    def is_waiting(self) -> bool:
        """Whether the episode that was chosen is still being simulated."""
        return self._coming is not None

    def choose(self, number: int) -> None:
        """Go to the start of an episode as soon as there is one; after the last comes the first.

        Of several chosen while one is simulated, the last is shown.
        """
        self._chosen = number % len(self.episodes)
        self._coming = self._thread.submit(self.episodes.__getitem__, self._chosen)

    def go_to(self, step: int) -> None:
        """Stop at a step of the episode."""
        self._position, self.playing = float(step), False

    def advance(self, now_s: float) -> None:
        """Let the time pass since the last call."""
        if self._coming is not None and self._coming.done():
            self.number, self.shown = self._chosen, self._coming.result()
            self._coming, self._position = None, 0.0
            self._thread.submit(self.episodes.__getitem__,
                                (self.number + 1) % len(self.episodes))
        elif self._before_s is not None and self.playing:
            self._position += ((now_s - self._before_s) * self.speed
                               * self.episodes.task.rate_hz)
        self._before_s = now_s
        if self.at_end:
            self.outcomes[self.number] = self.shown.success
        rest = REST_S * self.speed * self.episodes.task.rate_hz
        if (self.playing and not self.is_waiting
                and self._position >= self.shown.steps + rest):
            self.choose(self.number + 1)

    def close(self) -> None:
        """Simulate no more."""
        self._thread.shutdown(cancel_futures=True)


class Panel:
    """A window on the page: who acts, how it goes, and controls."""

    def __init__(self, player: Player) -> None:
        self._player = player

    @messages.handler
    def on_build_gui(self, event: messages.BuildGuiEvent) -> None:
        """Draw the window and do what was asked in it."""
        imgui.SetNextWindowPos(imgui.Vec2(16, 16), imgui.Cond.FirstUseEver.value)
                # Without a title bar: the button that closes a window would have nothing to do.
        flags = (imgui.WindowFlags.NoTitleBar.value | imgui.WindowFlags.AlwaysAutoResize.value
                 | imgui.WindowFlags.NoSavedSettings.value)
        visible, _ = imgui.Begin('drail view', flags=flags)
        if visible:
            self._say()
            self._ask()
        imgui.End()

    def _say(self) -> None:
        player, task = self._player, self._player.episodes.task
        imgui.TextUnformatted(f'{task.name}: {player.episodes.actor}')
        imgui.TextUnformatted(f'{player.episodes.numbered(player.number)}, '
                              f'step {player.step} of {player.shown.steps}, '
                              f'{player.step / task.rate_hz:.2f} s')
        if player.at_end and task.has_success and not player.is_waiting:
            imgui.TextColored(imgui.Vec4(*(_GREEN if player.shown.success else _RED)),
                              self._outcome())
        else:
            imgui.TextUnformatted(self._outcome())
        if task.has_success:
            seen = player.outcomes.values()
            imgui.TextUnformatted(f'successes: {sum(seen)} of {len(seen)} episodes seen')

    def _outcome(self) -> str:
        player = self._player
        if player.is_waiting:
            return 'simulating the next one'
        if not player.at_end:
            return 'under way' if player.playing else 'stopped'
        if player.episodes.task.has_success:
            return 'success' if player.shown.success else 'no success'
        total = player.shown.total_reward
        return 'at its end' if total is None else f'return {total:.1f}'

    def _ask(self) -> None:
        player = self._player
        if imgui.Button('previous'):
            player.choose(player.number - 1)
        imgui.SameLine()
        if imgui.Button('stop' if player.playing else 'play'):
            player.playing = not player.playing
        imgui.SameLine()
        if imgui.Button('next'):
            player.choose(player.number + 1)
        moved, number = imgui.SliderInt('episode', player.number + 1, 1, len(player.episodes))
        if moved and number != player.number + 1:
            player.choose(number - 1)
        moved, step = imgui.SliderInt('step', player.step, 0, player.shown.steps)
        if moved:
            player.go_to(step)
        _, player.speed = imgui.SliderFloat('speed', player.speed, *SPEEDS, '%.2fx')
