"""The summary as one page: self-contained, readable, and honest."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from monitor.export import plots
from monitor.export.page import page
from monitor.export.session import Session, Span
from tests.monitor.dashboard import scenes
from tests.monitor.export.sessions import gathered, hour, session

VOID = {"meta", "path", "rect"}


class Reader(HTMLParser):
    """Holds tags against each other, and keeps what is said."""

    def __init__(self):
        super().__init__()
        self.open, self.said, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def words(text):
    return " ".join("".join(read(text).said).split())


def test_a_microphone_that_comes_and_goes_is_one_plot_with_gaps():
    made = page(gathered(scenes.replugged(times=10).events))
    assert made.count('<figure class="course">') == 1
    assert made.count('class="lost"') == 10 + 1  # and one in the legend
    assert "microphone away 10 times, 50.0 s" in words(made)


def test_it_says_when_where_how_long_and_with_what():
    said = words(page(session()))
    for part in (
        "1 January 2026, 10:00:00 to 10:00:50 UTC, 50 s",
        "mic:Desk microphone and =mic:Headset",
        "ltu-as-mini, sha256 000000000000, prompt single, read-out seq_logprob, calibration 0123456789ab",
        "11 utterances",
        "10 readings",
        "speech shorter than 1 s: 1",
        "too much speech at once 2 times, 5.8 s",
        "desk, on cpu",
        "It is not what anyone feels",
        "holds no sound",
        "1 error",
    ):
        assert part in said, f"{part!r} is not in {said}"


def test_notes_are_listed_with_their_time_and_what_they_say_is_only_text():
    text = page(session())
    assert "=1+1 says the &lt;b&gt;guest&lt;/b&gt;" in text
    assert "10:00:12 =1+1 says the <b>guest</b>" in words(text)
    assert "(a mark)" in words(text)


def test_nothing_is_fetched_and_nothing_runs():
    reader = read(page(hour()))
    names = {name for _, name, _ in reader.attributes}
    assert not names & {"src", "href", "srcset", "action", "onclick", "onload"}
    assert "url(" not in page(hour())
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes


def test_every_plot_has_words_that_say_it_and_numbers_beside_it():
    text = page(session())
    labels = [value for _, name, value in read(text).attributes if name == "aria-label"]
    assert sum(label.startswith("How likely each emotion") for label in labels) == 2
    assert any(label.startswith("Readings by entropy in steps of 0.1") for label in labels)
    assert words(text).count("The same in numbers") == 2


def test_an_hour_of_talk_stays_a_small_page():
    assert len(page(hour())) < 120_000


def test_a_session_of_nothing_is_a_page_that_says_so():
    said = words(page(Session()))
    assert "Nothing was heard in this session." in said
    assert "There was no reading." in said


def test_what_is_missing_is_said():
    said = words(page(replace(session(), forgotten=7, skipped=1)))
    assert "7 older events were no longer in memory" in said
    assert "1 event could not be read and is left out" in said


@settings(max_examples=30)
@given(text=st.text(max_size=40))
def test_no_name_and_no_note_can_break_the_page(text):
    whole = session()
    utterances = tuple(
        replace(one, source=text, reason=text, model=replace(one.model, name=text)) for one in whole.utterances
    )
    notes = tuple(replace(note, text=text) for note in whole.notes)
    errors = tuple(replace(error, message=text, where=text) for error in whole.errors)
    read(page(replace(whole, utterances=utterances, notes=notes, errors=errors)))


SVG = re.compile(r"<svg.*?</svg>")


def test_plots_are_well_formed():
    drawn = SVG.findall(page(session()))
    assert len(drawn) == 2 + len(EMOTIONS) + 1 + len(EMOTIONS) + 1
    for one in drawn:
        read(one)


def test_bands_of_a_stack_are_as_high_as_the_probabilities_and_together_fill_it():
    utterances = session().utterances[:1]
    span = Span(start_s=1_767_261_601.2, end_s=1_767_261_603.9)
    paths = re.findall(r'<path class="(\w+)" d="M0 [\d.]+v-([\d.]+)', plots.course(utterances, span, [], []))
    heights = {name: float(height) for name, height in paths}
    assert [heights[name] / 100 for name in EMOTIONS] == pytest.approx(list(utterances[0].distribution), abs=1e-3)
    assert sum(heights.values()) == pytest.approx(100, abs=0.2)


@given(start_s=st.floats(0, 2e11), length_s=st.floats(0, 1e9))
def test_ticks_are_few_round_and_in_order(start_s, length_s):
    found = plots.ticks(Span(start_s=start_s, end_s=start_s + length_s))
    assert len(found) <= plots.MOST_TICKS + 1
    assert [tick.place for tick in found] == sorted({tick.place for tick in found})


def test_a_minute_is_marked_at_round_seconds_and_an_hour_at_round_minutes():
    minute = plots.ticks(Span(start_s=1_767_261_600.0, end_s=1_767_261_650.0))
    assert [tick.text for tick in minute] == ["10:00:10", "10:00:20", "10:00:30", "10:00:40"]
    hours = plots.ticks(Span(start_s=1_767_261_600.0, end_s=1_767_265_200.0))
    assert [tick.text for tick in hours] == ["10:15", "10:30", "10:45"]
