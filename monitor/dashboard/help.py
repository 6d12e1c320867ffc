"""The help screen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

HEARD = """\
For every utterance, one stretch of speech between pauses, four bars say how likely anger, happiness, sadness and \
neutral are to be heard in the voice. The four add up to 100%.

People often disagree about emotion in a voice, and so do the bars: 40% to 35% is a tie, not a result. A reading \
says what listeners would likely hear. It does not say what anyone feels, and it can be wrong."""

WORDS = (
    ("clear, mostly, leaning", "one emotion stands out, more or less"),
    ("mixed", "the emotions named are within 15 points of each other"),
    ("no clear emotion", "all four are about equally likely"),
    ("so far", "an early reading; the person still speaks"),
    ("no reading", "the model gave none, and why"),
    ("entropy", "0: all on one emotion, 1: spread evenly over four"),
    ("margin", "lead of the first over the second, 0 to 1"),
    ("smoothed", "average over recent utterances"),
    ("uncalibrated", "percentages were not corrected on new speakers"),
    ("latency", "from the last sound of the speech to the reading"),
)
KEYS = (
    ("space, p", "pause or go on"),
    ("↑ ↓ PgUp PgDn", "scroll the history; Home and End jump"),
    ("t", "dark or light"),
    ("Esc", "close this help, or dismiss a message"),
    ("q, Ctrl-C", "quit"),
)


class HelpScreen(ModalScreen[None]):
    """What the bars mean, and the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1", "dismiss", "close", id="close-help", tooltip="Close this help"),
        Binding("q", "app.quit", "quit", id="quit-from-help", tooltip="End listening and the program"),
    ]

    def compose(self) -> ComposeResult:
        """One scrollable page."""
        with VerticalScroll(id="help") as page:
            page.border_title = "help"
            page.border_subtitle = "Esc closes"
            yield Static(Content(HEARD))
            yield Static(_table("what the words mean", WORDS))
            yield Static(_table("keys", KEYS))


def _table(title: str, rows: tuple[tuple[str, str], ...]) -> Content:
    widest = max(len(term) for term, _ in rows) + 2
    parts: list[Content] = [Content.styled(f"\n{title}", "bold $accent")]
    parts += [Content.assemble((f"{term:<{widest}}", "bold"), (text, "$quiet")) for term, text in rows]
    return Content("\n").join(parts)
