"""A clock that only moves when it is told to."""

from itertools import cycle


class HandClock:
    """Stands in for time: sleeping moves it, by a little more than asked for if `oversleeps_s` say so."""

    def __init__(self, oversleeps_s=(0.0,)):
        self.now_s = 0.0
        self.sleeps = 0
        self._oversleeps_s = cycle(oversleeps_s)

    def now(self):
        return self.now_s

    async def sleep(self, duration_s):
        self.sleeps += 1
        if duration_s:
            self.now_s += duration_s + next(self._oversleeps_s)
