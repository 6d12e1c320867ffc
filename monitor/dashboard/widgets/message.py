"""The message line."""

import time
from collections.abc import Callable

from monitor.dashboard.paint import health_lines
from monitor.dashboard.paint.text import line
from monitor.dashboard.paint.troubles import Trouble
from monitor.dashboard.state.view_model import NOTICE_S, Notice
from monitor.dashboard.widgets.painted import Painted


class MessageLine(Painted):
    """What the dashboard itself has said a moment ago, else what events say, else what is to be remarked."""

    def __init__(self) -> None:
        super().__init__(id="message")
        self._said = ""
        self._until_s = 0.0

    def say(self, text: str) -> None:
        """Keeps a line of text for a while of real time, whatever time the events are of; empty: nothing is said."""
        self._said, self._until_s = text, time.monotonic() + NOTICE_S

    def tell(self, notice: Notice | None, remark: Callable[[], str], found: tuple[Trouble, ...]) -> None:
        """Shows the first there is: what was said, an event's notice, a remark, a trouble, what a reading is."""
        if self._said and time.monotonic() < self._until_s:
            self.show(line, self._said, "$accent")
        elif not notice and (text := remark()):
            self.show(line, text, "$warning")
        else:
            self.show(health_lines.message, notice, found)
