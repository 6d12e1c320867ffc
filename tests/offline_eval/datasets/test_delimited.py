"""Tables in text as people and programs save them: every row is read, or the line is named that hides some."""

import csv
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offline_eval.datasets.delimited import SEPARATORS, UnreadableRowError, records

HEADER = ("path", "speaker", "label", "transcript")


def cells(text: str, **options) -> list[tuple[str, ...]]:
    return [record.cells for record in records(text, **options)]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.wav,sad\n",
        "path;label\na.wav;sad\n",
        "path\tlabel\r\na.wav\tsad\r\n",
        "sep=;\r\npath;label\r\na.wav;sad\r\n",
        '"sep=|"\npath|label\na.wav|sad',
        "SEP=;;\npath;label\na.wav;sad",
        '"path";"label"\n"a.wav";sad',
        "\n,,\npath,label\n,\n   \na.wav, sad \n,,\n",
        'path,label\ra.wav, "sad"\r',
    ],
)
def test_cells_are_parted_as_the_header_or_a_first_line_says_and_blank_rows_are_none(text):
    assert cells(text) == [("path", "label"), ("a.wav", "sad")]


def test_a_separator_inside_of_a_quoted_name_is_no_separator():
    assert cells('"a, b, c";d\n1;2') == [("a, b, c", "d"), ("1", "2")]


def test_records_know_their_line_though_cells_go_over_several():
    found = list(records('path,note\na.wav,"one\ntwo"\n\nb.wav,x\n'))
    assert [(record.line, record.cells[0]) for record in found] == [(1, "path"), (2, "a.wav"), (5, "b.wav")]
    assert found[1].cells[1] == "one\ntwo"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('path,speaker,note\na,1,"hello\nb,2,bye\n', 2, "unexpected end of data"),
        ('path,speaker,note\na,1,x\nb,2,"hello\nc,3,"bye"\n', 3, "expected after"),
        ('path,speaker,note\na,1,"hello\nb,2,x\nc,3,bye"\nd,4,y\n', 2, "not closed before line 4"),
        ('path,speaker,note,"more\na,1,x,y"\nb,2,x,y\n', 1, "the header goes over several lines"),
        (f'path,note\na,"{"x" * 140_000}\n', 2, "quotes are not understood"),
    ],
)
def test_an_unclosed_quote_that_takes_in_other_rows_is_named_with_its_line(text, line, said):
    with pytest.raises(UnreadableRowError, match=said) as error:
        cells(text)
    assert error.value.line == line


def test_where_nothing_is_quoted_a_quote_is_text():
    assert cells('a\tb\n"x\ty"\n', separator="\t", quoting=csv.QUOTE_NONE) == [("a", "b"), ('"x', 'y"')]


word = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='",;\t'), min_size=1, max_size=5
).filter(str.strip)
regular = st.lists(st.lists(word, min_size=4, max_size=4), min_size=1, max_size=6)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), min_size=4, max_size=4)),
    st.sampled_from(SEPARATORS),
)
def test_what_a_program_writes_is_read_whole_or_not_at_all(rows, separator):
    text = StringIO()
    csv.writer(text, delimiter=separator).writerows([HEADER, *rows])
    stripped = [tuple(cell.strip() for cell in row) for row in rows]
    try:
        found = cells(text.getvalue())
    except UnreadableRowError:
        assert any("\n" in cell or "\r" in cell for row in rows for cell in row)
    else:
        assert found == [HEADER, *(row for row in stripped if any(row))]


@pytest.mark.fuzz
@given(regular, st.lists(st.integers(0, 200), max_size=4))
@example([["a", "1", "sad", "x"], ["b", "2", "sad", "y"]], [28, 46])
@example([["00", "0000", "00000", "0"]], [43, 19])
def test_quotes_wherever_they_are_never_make_rows_fewer_without_a_word(rows, places):
    text = "\n".join(",".join(row) for row in [HEADER, *rows])
    for place in places:
        text = text[:place] + '"' + text[place:]
    try:
        assert len(cells(text)) == 1 + len(rows)
    except UnreadableRowError:
        assert places
