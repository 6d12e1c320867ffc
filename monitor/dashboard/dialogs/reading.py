"""How the model is asked, and how its logits are read."""

from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult

from core.settings import READOUTS
from core.wire.commands import SetReading
from monitor.dashboard.dialogs.choices import Choice, Choices, Group
from monitor.dashboard.dialogs.dialog import Dialog

if TYPE_CHECKING:
    from core.settings import Prompt

PROMPTS = (
    Choice("auto", "auto", "the one that the model folder names"),
    Choice("single", "single", "asks for one of the four emotions"),
    Choice("ambiguous", "ambiguous", "asks for a percentage of each"),
)
READOUT_TEXTS = {
    "auto": "the one that the model folder names",
    "seq_logprob": "how likely each emotion's word is as the answer",
    "first_piece": "how likely the first piece is that differs",
    "paper_linear": "the paper's equation 2, negative logits as 0",
    "paper_linear_strict": "to the letter: a negative logit, no reading",
    "shifted_linear": "equation 2 above the smallest logit",
    "softmax_mean": "softmax of each word's mean logits",
    "mean_softmax": "mean of the softmax at each token",
    "vocab_prob": "mean probability among all words",
}
WRITTEN = (
    Choice("off", "off", "only if the read-out needs it: fastest"),
    Choice("on", "on", "slower; enter on an utterance shows it by token"),
)


class ReadingDialog(Dialog):
    """Prompt, read-out, and whether answers are written out, each with a sentence."""

    TITLE = "how it reads, from the next utterance on"
    KEYS = (
        "↑↓ line · Space chooses · Enter chooses, takes all · Esc leaves it",
        "Space chooses · Enter takes it · Esc leaves",
        "Esc leaves it",
    )

    def body(self) -> ComposeResult:
        """One list in three groups."""
        tuning = self.state.health.tuning if self.state.health else None
        readouts = tuple(Choice(name, name, READOUT_TEXTS.get(name, "")) for name in READOUTS)
        yield Choices(
            [
                Group("prompt", PROMPTS, tuning.prompt if tuning else None),
                Group("read-out", readouts, tuning.readout if tuning else None),
                Group("written answers", WRITTEN, ("on" if tuning.explain else "off") if tuning else None),
            ]
        )

    @on(Choices.Taken)
    def _take(self, message: Choices.Taken) -> None:
        tuning = self.state.health.tuning if self.state.health else None
        prompt, readout, written = (message.chosen[name] for name in ("prompt", "read-out", "written answers"))
        explain = None if written is None else written == "on"
        command = SetReading(
            prompt=None if tuning and prompt == tuning.prompt else cast("Prompt | None", prompt),
            readout=None if tuning and readout == tuning.readout else readout,
            explain=None if tuning and explain == tuning.explain else explain,
        )
        self.dismiss(None if command == SetReading() else command)
