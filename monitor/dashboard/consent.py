"""The screen before the first listening: what is heard, what leaves the machine, what is stored, and who must know."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from monitor.consent import Disclosure
from monitor.dashboard import keys
from monitor.dashboard.paint.text import NARROW, fitting, printable

if TYPE_CHECKING:
    from monitor.dashboard.app import DashboardApp

MEANING = (
    "A reading says how likely each of four emotions is to be heard in a voice: what listeners would say. It is not "
    "what anyone feels, and it can be wrong."
)
TELL = "Everyone who can be heard must know that this runs, and be fine with it. Tell them first."
ROOMY = 28
"""From so many lines on, the parts are set apart."""
KEYS = (
    "Enter: I agree, and those around me know · q: leave",
    "Enter: agree · q: leave",
    "Enter or q",
)


class ConsentScreen(ModalScreen[bool]):
    """Dismissed with True by whoever agrees, with False by whoever does not."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.CONSENT]

    def __init__(self, disclosed: Disclosure) -> None:
        super().__init__()
        self._disclosed = disclosed

    def compose(self) -> ComposeResult:
        """One page that scrolls where it does not fit."""
        with VerticalScroll(id="consent") as page:
            page.border_title = "before anyone is heard"
            yield Static(printable(text(self._disclosed)), id="terms")

    def on_mount(self) -> None:
        """Lets the arrow keys scroll."""
        self.query_one("#consent").focus()

    def on_resize(self) -> None:
        """Fits the page into the screen, and the keys into the frame."""
        roomy = self.size.height >= ROOMY and self.size.width >= NARROW
        self.query_one("#terms", Static).update(printable(text(self._disclosed, apart=roomy)))
        room = self.size.width - 6
        self.query_one("#consent").border_subtitle = fitting(room, KEYS)

    def action_answer(self, agreed: bool) -> None:  # noqa: FBT001 - an action's argument
        """Closes with the answer."""
        self.dismiss(agreed)


async def ask(app: "DashboardApp", disclosed: Disclosure) -> bool:
    """Shows what is done with what is heard, once the app is there, and waits for the answer; from any task."""
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def take(agreed: bool | None) -> None:  # noqa: FBT001 - Textual's
        if not answer.done():
            answer.set_result(bool(agreed))

    def show() -> None:
        app.push_screen(ConsentScreen(disclosed), take)

    await app.there.wait()
    app.call_later(show)
    return await answer


def text(disclosed: Disclosure, *, apart: bool = False) -> Content:
    """All that someone agrees to; `apart` puts a blank line between its parts."""
    leaves = [f"{words[0].upper()}{words[1:]}." for words in disclosed.leaves] or ["Nothing."]
    if disclosed.nearby:
        leaves.append("Other programs on it can read along (MQTT on 127.0.0.1).")
    stores = [f"{words[0].upper()}{words[1:]}." for words in disclosed.stores] or ["Nothing."]
    stores.append("More only if you ask for it: a recording of readings (r), an export (e).")
    kept = "how a voice sounds (it gets used to yours, in memory)"
    never = f"Sound, but to {disclosed.hears_along}; and {kept}." if disclosed.hears_along else f"Sound, and {kept}."
    if disclosed.voice_leaves:
        never = f"Sound, and {kept}, but to {disclosed.hears_along}."
    parts = (
        ("What is listened to", [f"{' and '.join(disclosed.listens)}, until you pause (p) or quit (q)."]),
        ("What leaves this machine", leaves),
        ("What is stored", stores),
        ("What is never stored or sent", [never]),
        ("What it means", [MEANING]),
        ("Who must know", [TELL]),
    )
    blocks = [
        Content("\n").join([Content.styled(title, "bold $accent"), *map(Content, texts)]) for title, texts in parts
    ]
    return Content("\n\n" if apart else "\n").join(blocks)
