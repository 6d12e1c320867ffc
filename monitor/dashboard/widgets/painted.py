"""Text painted by a function, repainted only when what it shows differs: a line, or a block as high as its text."""

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from monitor.dashboard.paint.text import line, printable


class Painted(Widget, can_focus=False):
    """A block of text painted by a function of facts and a width; touches the screen only when the text differs."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._painter: Callable[..., Content] = line
        self._facts: tuple[object, ...] = ("", "")
        self._shown = Content.empty()

    def show(self, painter: Callable[..., Content], *facts: object) -> None:
        """Shows `painter(*facts, width)`."""
        if (painter, facts) == (self._painter, self._facts):
            return
        self._painter, self._facts = painter, facts
        if not self._paint().is_same(self._shown):
            self.refresh()

    def render(self) -> Content:
        """What is on screen."""
        self._shown = self._paint()
        return self._shown

    def _paint(self) -> Content:
        return printable(self._painter(*self._facts, self.size.width))


class Block(Painted):
    """A painted block that is as high as its text, and not there when it is empty."""

    def show(self, painter: Callable[..., Content], *facts: object) -> None:
        """Shows `painter(*facts, width)`; the page is laid out again only where the height differs."""
        super().show(painter, *facts)
        if not self.is_attached or self._height(self.size.width) != self.size.height:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """Lines of the text at a width."""
        return self._height(width)

    def _height(self, width: int) -> int:
        text = self._painter(*self._facts, width)
        return text.plain.count("\n") + 1 if text else 0
