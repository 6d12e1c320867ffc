"""A list of choices in one or more groups; in each group one is chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from monitor.dashboard import keys
from monitor.dashboard.paint.text import printable

CHOSEN, OTHER = "●", "○"


@dataclass(frozen=True, slots=True)
class Choice:
    """One line: `value` is what is chosen, `label` and `text` are what people read."""

    value: str
    label: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Choices that exclude each other. `chosen` is the value that holds now."""

    name: str
    choices: tuple[Choice, ...]
    chosen: str | None


class Choices(OptionList):
    """Arrow keys go from line to line, space chooses, Enter chooses and takes it all."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.CHOICES]

    class Taken(Message):
        """The user is done."""

        def __init__(self, chosen: dict[str, str | None]) -> None:
            super().__init__()
            self.chosen = chosen

    def __init__(self, groups: Sequence[Group] = (), *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self._groups: tuple[Group, ...] = ()
        self._entries: list[tuple[Group, Choice] | None] = []
        self.chosen: dict[str, str | None] = {}
        self.fill(groups)

    def fill(self, groups: Iterable[Group]) -> None:
        """Shows other groups, the cursor on the first chosen line."""
        self._groups = tuple(groups)
        self.chosen = {group.name: group.chosen for group in self._groups}
        self._entries = []
        for group in self._groups:
            if len(self._groups) > 1:
                self._entries.append(None)
            self._entries += [(group, choice) for choice in group.choices]
        self._write()
        places = [place for place, line in enumerate(self._entries) if line and self._is_chosen(*line)]
        others = [place for place, line in enumerate(self._entries) if line]
        self.highlighted = next(iter(places or others), None)

    def action_choose(self) -> None:
        """Chooses the line under the cursor."""
        self._choose()

    def action_take(self) -> None:
        """Chooses the line under the cursor and is done."""
        self._choose()
        self.post_message(self.Taken(dict(self.chosen)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click chooses; where there is one group only, that is all there is to do."""
        event.stop()
        if len(self._groups) == 1:
            self.action_take()
        else:
            self.action_choose()

    def mark(self) -> None:
        """Chooses the line under the cursor without telling anyone."""
        self._choose()

    def _choose(self) -> None:
        line = None if self.highlighted is None else self._entries[self.highlighted]
        if line:
            group, choice = line
            self.chosen[group.name] = choice.value
            place = self.highlighted
            self._write()
            self.highlighted = place

    def _is_chosen(self, group: Group, choice: Choice) -> bool:
        return self.chosen[group.name] == choice.value

    def _write(self) -> None:
        widest = max((len(choice.label) for group in self._groups for choice in group.choices), default=0)
        heads = iter(self._groups)
        options: list[Option] = []
        for line in self._entries:
            if line is None:
                options.append(Option(Content.styled(next(heads).name, "bold $accent"), disabled=True))
                continue
            group, choice = line
            mark = CHOSEN if self._is_chosen(group, choice) else OTHER
            label = f"{mark} {choice.label:<{widest}}" if choice.text else f"{mark} {choice.label}"
            options.append(Option(printable(Content.assemble((label, "bold"), f"  {choice.text}".rstrip()))))
        self.set_options(options)
