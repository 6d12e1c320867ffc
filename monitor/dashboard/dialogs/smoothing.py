"""How slowly the smoothed readings follow."""

from textual import on
from textual.app import ComposeResult

from core.wire.commands import SetSmoothing
from monitor.dashboard.dialogs.choices import Choice, Choices, Group
from monitor.dashboard.dialogs.dialog import Dialog

TAUS_S = {
    0.0: "none: each utterance by itself",
    2.0: "follows almost at once",
    7.0: "some utterances; the usual choice",
    15.0: "about a quarter of a minute of speech",
    30.0: "the mood of half a minute",
    120.0: "slow: a conversation's course",
}


class SmoothingDialog(Dialog):
    """Time constants of the moving average."""

    TITLE = "the moving average's time constant"

    def body(self) -> ComposeResult:
        """The usual ones, and the one that holds."""
        tuning = self.state.health.tuning if self.state.health else None
        now = tuning.tau_s if tuning else None
        texts = TAUS_S if now is None else {now: "as set"} | TAUS_S
        choices = tuple(Choice(f"{tau_s:g}", f"{tau_s:g} s", texts[tau_s]) for tau_s in sorted(texts))
        yield Choices([Group("tau", choices, None if now is None else f"{now:g}")])

    @on(Choices.Taken)
    def _take(self, message: Choices.Taken) -> None:
        tau_s = float(message.chosen["tau"] or 0.0)
        tuning = self.state.health.tuning if self.state.health else None
        self.dismiss(None if tuning and tuning.tau_s == tau_s else SetSmoothing(tau_s=tau_s))
