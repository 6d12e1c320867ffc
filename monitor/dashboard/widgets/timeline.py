"""The timeline: how the distributions of one stream went over the last minutes."""

from dataclasses import dataclass, field

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from monitor.dashboard.paint import timeline, wording
from monitor.dashboard.paint.text import fitting, printable, spread
from monitor.dashboard.paint.timeline import Cell, Line
from monitor.dashboard.state.columns import Span, Window, cut
from monitor.dashboard.state.past import Past
from monitor.dashboard.state.view import View

JUMP = 4
"""The present moves on in steps of so many columns: between two steps only the newest columns are painted."""
BELOW = 2
"""Lines below the chart: marks and axis."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the timeline shows: a stream's past (and its number, where there are several), and where it is looked at."""

    past: Past = field(default_factory=Past)
    view: View = field(default_factory=View)
    chosen: Span | None = None
    number: str = ""
    now: str = "live"
    """What the present is called."""

    def window(self, count: int) -> Window:
        """The columns to show."""
        column_s = self.view.column_s
        if self.view.end_s is None:
            last = (int(self.past.now_s / column_s) // JUMP + 1) * JUMP - 1
        else:
            last = int(self.view.end_s / column_s)
        return Window(max(last - count + 1, 0), max(count, 0), column_s)

    def seen(self, window: Window) -> object:
        """What the columns of a window depend on; equal values mean equal columns, and are told quickly."""
        past, going = self.past, self.past.speaking
        speaking = window.covered(going.start_s, going.end_s) if going else None
        return self.view.smoothed, self.chosen, speaking, past.notes, past.losses, past.speech, past.readings

    @property
    def behind(self) -> str:
        """Whether the present is in sight."""
        if self.view.end_s is None:
            return self.now
        if self.view.end_s >= self.past.now_s:
            return "it has ended"
        return f"{wording.duration(self.past.now_s - self.view.end_s)} behind"

    @property
    def titles(self) -> tuple[str, ...]:
        """What the stacks are, from long to short."""
        name = f"timeline {self.number}".strip()
        what = "smoothed" if self.view.smoothed else "each utterance"
        zoom = timeline.zoom_label(self.view.column_s)
        return f"{name} · {what} · {zoom}", f"{name} · {zoom}", zoom


class Timeline(Widget, can_focus=False):
    """Stacked distributions over time, newest on the right; repaints only the columns that changed."""

    class Touched(Message):
        """Someone clicked a moment; what is within `reach_s` after it is meant as well."""

        def __init__(self, second_s: float, reach_s: float) -> None:
            super().__init__()
            self.second_s, self.reach_s = second_s, reach_s

    class Rolled(Message):
        """Someone turned the wheel, so many columns towards the present."""

        def __init__(self, columns: int) -> None:
            super().__init__()
            self.columns = columns

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self._scene = Scene()
        self._seen: object = None
        self._drawn_for: object = None
        self._lines: list[Line] = []
        self._styles: dict[Cell, Style] = {}
        self._titles: object = None
        self._losses = ""
        self.framed, self.plain = True, False

    @property
    def count(self) -> int:
        """Columns on screen."""
        return self.size.width

    def show(self, scene: Scene, *, framed: bool, plain: bool) -> None:
        """Shows a stretch of a past, in a frame or below a line of its own; `plain`: in letters, without colour."""
        self._scene, self.plain = scene, plain
        if framed != self.framed:
            self.framed = framed
            self.set_class(not framed, "-flat")
        self._draw()
        self._frame()

    def on_mount(self) -> None:
        """Colours follow the theme."""
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    def on_resize(self) -> None:
        """Another width, other columns."""
        self._titles = None
        self._draw()
        self._frame()

    def _recolour(self, _theme: object) -> None:
        self._styles.clear()
        self._titles = None
        self.refresh()

    def _draw(self) -> None:
        """Works out the cells and repaints the columns in which they differ."""
        scene, rows, plain = self._scene, self.size.height - BELOW - (not self.framed), self.plain
        if rows < 1 or self.count < 1:
            self._lines, self._drawn_for = [], None
            return
        window = scene.window(self.count)
        seen = scene.seen(window)
        zero_at = scene.past.zero_at if scene.view.wall else None
        drawn_for = (window, rows, plain, zero_at)
        same_place = drawn_for == self._drawn_for
        if same_place and seen == self._seen:
            return
        columns = cut(scene.past, window, smoothed=scene.view.smoothed, chosen=scene.chosen)
        before = self._lines
        self._seen, self._drawn_for = seen, drawn_for
        self._losses = timeline.losses(columns, plain=plain)
        self._lines = timeline.lines(columns, window, rows, plain=plain, zero_at=zero_at)
        if not same_place:
            self.refresh()
            return
        pairs = list(zip(before, self._lines, strict=True))
        differing = [place for place in range(self.count) if any(a[place] != b[place] for a, b in pairs)]
        if differing:
            top = 0 if self.framed else 1
            self.refresh(Region(differing[0], top, differing[-1] - differing[0] + 1, len(self._lines)))

    def _frame(self) -> None:
        """Title, legend and whether this is the present: in the frame, or on the first line."""
        titles = (self._scene.titles, self._scene.behind, self._losses, self.framed, self.plain)
        if titles == self._titles:
            return
        self._titles = titles
        self.border_title = self._scene.titles[0] if self.framed else ""
        self.border_subtitle = self._right(self.size.width - 4) if self.framed else ""
        if not self.framed:
            self.refresh(Region(0, 0, self.size.width, 1))

    def _right(self, width: int) -> Content:
        """Legend, what was lost, and whether this is the present: the later, the more important."""
        live = self._scene.view.end_s is None
        right = Content.styled(self._scene.behind, "$quiet" if live else "bold $warning")
        for part in (
            timeline.legend(plain=self.plain, width=width - right.cell_length - 3),
            printable(Content.styled(self._losses, "$quiet")),
        ):
            if part and part.cell_length + 3 + right.cell_length <= width:
                right = Content.assemble(part, "   ", right)
        return right

    def render_line(self, y: int) -> Strip:
        """Paints one line."""
        width = self.size.width
        if not self.framed:
            if y == 0:
                return self._heading(width)
            y -= 1
        if not 0 <= y < len(self._lines):
            return Strip.blank(width, self._style(Cell()))
        segments: list[Segment] = []
        text, look = "", Cell()
        for cell in self._lines[y]:
            if cell[1:] != look[1:]:
                if text:
                    segments.append(Segment(text, self._style(look)))
                text, look = "", cell
            text += cell.char
        if text:
            segments.append(Segment(text, self._style(look)))
        return Strip(segments, len(self._lines[y])).adjust_cell_length(width, self._style(Cell()))

    def _heading(self, width: int) -> Strip:
        titles = (*self._scene.titles, "")
        title = Content.styled(fitting(width - len(self._scene.behind) - 1, titles), "$quiet")
        right = self._right(width - title.cell_length - 3)
        content = spread(title, right, width).truncate(width)
        strips = Visual.to_strips(self, content, width, 1, self.visual_style, pad=True)
        return strips[0] if strips else Strip.blank(width)

    def _style(self, cell: Cell) -> Style:
        look = cell._replace(char="")
        if look not in self._styles:
            ink, ground = (self._colour(name) for name in (cell.ink or "foreground", cell.ground or "background"))
            self._styles[look] = Style(color=ink.rich_color, bgcolor=ground.rich_color, bold=cell.bold)
        return self._styles[look]

    def _colour(self, variable: str) -> Color:
        return Color.parse(self.app.theme_variables[variable])

    def on_click(self, event: events.Click) -> None:
        """Chooses what was said at that moment."""
        offset = event.get_content_offset(self)
        if offset is not None:
            window = self._scene.window(self.count)
            self.post_message(self.Touched((window.first + offset.x) * window.column_s, window.column_s))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Goes back."""
        event.stop()
        self.post_message(self.Rolled(-JUMP))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Goes towards the present."""
        event.stop()
        self.post_message(self.Rolled(JUMP))
