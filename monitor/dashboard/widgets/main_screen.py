"""The screen below all others: it takes on another size in one step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.events import Resize
from textual.screen import Screen

if TYPE_CHECKING:
    from textual.geometry import Size

SETTLE_S = 0.1
"""Until so long after a change of size nothing is shown of what is in between."""


class MainScreen(Screen[object]):
    """Calls `fit` before what is on it is laid out anew, and once more when it is."""

    def __init__(self, fit: Callable[[], None]) -> None:
        super().__init__(id="_default")
        self._fit = fit
        self._shown: Size | None = None

    def on_resize(self, event: Resize) -> None:
        """Chooses what fits."""
        before, self._shown = self._shown, event.size
        if before in {None, event.size}:
            self.call_after_refresh(self._fit)
            return
        self.app.delay_update(SETTLE_S)
        self._fit()
        self.set_timer(SETTLE_S / 2, self._fit)
