"""Tables as pandas, a spreadsheet and a program read them."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from monitor.export import tables
from monitor.export.page import page
from monitor.export.session import Session
from tests.monitor.export.sessions import everything, gathered, hour, session

DOCUMENT = Path(__file__).parents[3] / "docs" / "dashboard.md"


def rows(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_there_is_a_row_for_each_final_reading_and_a_column_for_all_that_is_documented():
    found = rows(tables.utterances(session()))
    assert [row["seq"] for row in found] == [str(one.seq) for one in session().utterances]
    assert list(found[0]) == list(tables.UTTERANCE_COLUMNS)


def test_numbers_are_those_of_the_events_unrounded():
    for row, event in zip(rows(tables.utterances(session())), session().utterances, strict=True):
        if event.distribution:
            assert [float(row[name]) for name in EMOTIONS] == list(event.distribution)
            assert [float(row[f"smoothed_{name}"]) for name in EMOTIONS] == list(event.smoothed)
            assert float(row["entropy"]) == event.entropy
        assert float(row["latency_total_ms"]) == event.latency_ms.total


def test_a_source_with_a_name_has_it_in_a_column_and_on_the_page():
    named = gathered(replace(event, name="alice") if hasattr(event, "name") else event for event in everything())
    for table in (tables.utterances(named), tables.drops(named)):
        assert {row["name"] for row in rows(table)} == {"alice"}
    assert "alice (mic:Desk microphone)" in page(named)


def test_an_utterance_without_a_reading_has_its_reason_and_empty_cells():
    row = next(row for row in rows(tables.utterances(session())) if row["status"] == "invalid")
    assert row["reason"] == "speech shorter than 1 s"
    assert [row[name] for name in (*EMOTIONS, "entropy", "margin", "dominant")] == [""] * 7


def test_pandas_reads_numbers_as_numbers_and_times_as_times():
    frame = pd.read_csv(io.BytesIO(tables.utterances(session()).encode()), parse_dates=["started_utc", "ended_utc"])
    assert list(frame.columns) == list(tables.UTTERANCE_COLUMNS)
    assert frame["anger"].dtype == float
    lengths_s = (frame["ended_utc"] - frame["started_utc"]).dt.total_seconds()
    assert lengths_s.to_numpy() == pytest.approx(frame["duration_s"].to_numpy())
    assert frame["started_utc"].min() == pd.Timestamp("2026-01-01 10:00:01.200")
    valid = frame[frame["status"] == "ok"]
    assert valid[list(EMOTIONS)].sum(axis=1).to_numpy() == pytest.approx(1)


def test_pandas_joins_an_hour_of_readings_with_its_losses():
    readings = pd.read_csv(io.StringIO(tables.utterances(hour())))
    drops = pd.read_csv(io.StringIO(tables.drops(hour())))
    assert len(readings) == len(hour().utterances)
    assert drops.groupby("reason")["duration_s"].sum()["too_short"] == pytest.approx(60 * 0.3)


def test_a_note_has_a_row_for_each_stream_and_one_where_there_was_none():
    note = session().notes[0]
    two, none = replace(note, positions_s={"s1": 1.5, "s2": 2.5}), replace(note, positions_s={})
    found = rows(tables.notes(Session(notes=(two, none))))
    assert [(row["stream"], row["at_s"]) for row in found] == [("s1", "1.5"), ("s2", "2.5"), ("", "")]
    assert found[0]["at_utc"] == "2026-01-01 10:00:12.000"


def test_a_loss_says_when_in_the_clock_of_its_stream():
    found = rows(tables.drops(session()))
    assert (found[0]["reason"], found[0]["started_utc"], found[0]["duration_s"]) == (
        "overload",
        "2026-01-01 10:00:26.000",
        "1.5",
    )


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=cmd|' /C calc'!A0", "  =1", "＝1", "\x00=1"],  # noqa: RUF001
)
def test_no_text_becomes_a_formula(text):
    assert tables.harmless(text).startswith("'")


@given(st.text())
def test_whatever_a_note_says_its_row_is_one_line_and_no_formula(text):
    note = replace(session().notes[0], text=text)
    written = tables.notes(Session(notes=(note,)))
    assert len(written.splitlines()) == 2
    (row,) = rows(written)
    assert row["text"][:1] not in set("=+-@\t\r\n")


def test_a_source_that_looks_like_a_formula_is_made_harmless_and_others_stay_as_they_are():
    sources = {row["source"] for row in rows(tables.utterances(session()))}
    assert sources == {"mic:Desk microphone", "'=mic:Headset"}


def test_a_session_of_nothing_has_tables_with_titles_only():
    for table in (tables.utterances, tables.notes, tables.drops):
        assert len(table(Session()).splitlines()) == 1


@pytest.mark.parametrize("columns", [tables.UTTERANCE_COLUMNS, tables.NOTE_COLUMNS, tables.DROP_COLUMNS])
def test_every_column_is_documented(columns):
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, meaning in columns.items():
        assert f"| `{name}` | {meaning} |" in text
