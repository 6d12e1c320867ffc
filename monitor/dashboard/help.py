"""The help screen: what the bars mean, and every key as it is now."""

import textwrap
from collections.abc import Callable
from typing import ClassVar, TypeAlias

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from monitor.dashboard import keymap, keys
from monitor.dashboard.look import Look
from monitor.dashboard.paint.text import NARROW
from monitor.dashboard.widgets.painted import Block

HEARD = """\
For every utterance, one stretch of speech between pauses, four bars say how likely anger, happiness, sadness and \
neutral are to be heard in the voice. The four add up to 100%.

People often disagree about emotion in a voice, and so do the bars: 40% to 35% is a tie, not a result. A reading \
says what listeners would likely hear. It does not say what anyone feels, and it can be wrong."""

Rows: TypeAlias = tuple[tuple[str, str], ...]

WORDS: Rows = (
    ("clear, mostly, leaning", "one emotion stands out, more or less"),
    ("mixed", "the emotions named are within 15 points of each other"),
    ("no clear emotion", "all four are about equally likely"),
    ("so far, ~", "an early reading while the person still speaks; it will change"),
    ("before, last heard", "an earlier reading: of the utterance before, or of long ago"),
    ("no reading", "the model gave none, and why"),
    ("entropy", "0: all on one emotion, 1: spread evenly over four"),
    ("margin", "lead of the first over the second, 0 to 1"),
    ("smoothed", "average over recent utterances"),
    ("getting to know", "the model has heard too little of this voice; nothing is called clear"),
    ("uncalibrated", "percentages were not corrected on new speakers; nothing is called clear"),
    ("latency", "from the last sound of the speech to the reading"),
    ("timeline", "each column is a moment: the four shares stacked, newest right"),
)
SELDOM = "Keys can be moved: see [dashboard] keymap in config/default.toml. There an action has the name in brackets."


class HelpScreen(ModalScreen[None]):
    """What the bars mean, and the keys as the keymap has them, of which `can` says whether they do something here."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.HELP]

    def __init__(self, look: Look, can: Callable[[str], bool]) -> None:
        super().__init__()
        self._look, self._can = look, can

    def compose(self) -> ComposeResult:
        """One scrollable page."""
        with VerticalScroll(id="help") as page:
            page.border_title = "help"
            page.border_subtitle = "Esc closes"
            yield Static(Content(HEARD))
            yield _table("what the words mean", WORDS)
            for topic, bindings in keys.TOPICS:
                listed = keymap.listed(bindings, self._look.keymap, signs=not self._look.ascii)
                here = [key for key in listed if self._can(key.action)]
                if here:
                    yield _table(f"keys: {topic}", tuple((key.keys, f"{key.text} ({key.id})") for key in here))
            yield Static(Content.styled(f"\n{SELDOM}", "$quiet"))


def _table(title: str, rows: Rows) -> Block:
    block = Block()
    block.show(table, title, rows)
    return block


def table(title: str, rows: Rows, width: int) -> Content:
    """Terms and what they mean, side by side, or below each other where it is narrow."""
    parts = [Content.empty(), Content.styled(title, "bold $accent")]
    beside = max(len(term) for term, _ in rows) + 2 if width >= NARROW else 2
    for term, text in rows:
        first, *others = textwrap.wrap(text, max(width - beside, 1)) or [""]
        if width < NARROW:
            parts.append(Content.styled(term, "bold"))
            others.insert(0, first)
        else:
            parts.append(Content.assemble((f"{term:<{beside}}", "bold"), (first, "$quiet")))
        parts += [Content.styled(" " * beside + line, "$quiet") for line in others]
    return Content("\n").join(parts)
