"""What sources are called, and what tells files of one name apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from monitor.mqtt.messages import topic_level
from monitor.sources.naming import check_names, split_name, told_apart


def nothing(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("spec", "bare", "name"),
    [
        ("mic=alice", "mic", "alice"),
        ("mic:USB Audio=Alice B-2", "mic:USB Audio", "Alice B-2"),
        ("stdin=Jürgen", "stdin", "Jürgen"),
        ("ws://127.0.0.1:8765=door", "ws://127.0.0.1:8765", "door"),
        ("file:a=b.wav=alice", "file:a=b.wav", "alice"),
        ("file:a=b.wav", "file:a=b.wav", None),
        ("file:take=2/talk.wav", "file:take=2/talk.wav", None),
        ("mic:hw:CARD=0,DEV", "mic:hw:CARD=0,DEV", None),
        ("mic:USB=", "mic:USB=", None),
        ("mic:USB= alice", "mic:USB= alice", None),
        (f"mic={'a' * 41}", f"mic={'a' * 41}", None),
        ("=alice", "=alice", None),
    ],
)
def test_the_name_is_what_follows_the_last_sign_if_it_can_be_one(spec, bare, name):
    assert split_name(spec, is_whole=nothing) == (bare, name)


@given(st.text(), st.text())
def test_whatever_is_split_can_be_put_together_again_and_a_name_is_a_level_of_a_topic(spec, name):
    whole = f"{spec}={name}"
    try:
        bare, found = split_name(whole, is_whole=nothing)
    except UsageError:
        assert name == "answer"
        return
    assert whole == (bare if found is None else f"{bare}={found}")
    assert found is None or topic_level(found) == found


def test_what_is_called_so_as_a_whole_keeps_its_meaning():
    assert split_name("file:a=b", is_whole=lambda spec: spec == "file:a=b") == ("file:a=b", None)


def test_a_name_under_which_commands_are_answered_is_refused():
    with pytest.raises(UsageError, match="no source can be called answer"):
        split_name("mic=answer", is_whole=nothing)


def test_one_name_is_for_one_source():
    check_names([None, None, "alice", "bob"])
    with pytest.raises(UsageError, match="2 sources are called alice"):
        check_names(["alice", None, "alice"])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/talks/a.wav", "/talks/b.wav"], ["a.wav", "b.wav"]),
        (["/mon/talk.wav", "/tue/talk.wav", "/tue/other.wav"], ["mon/talk.wav", "tue/talk.wav", "other.wav"]),
        (["/1/mon/talk.wav", "/2/mon/talk.wav"], ["1/mon/talk.wav", "2/mon/talk.wav"]),
        (["/talk.wav", "/mon/talk.wav"], ["/talk.wav", "mon/talk.wav"]),
        (["/mon/talk.wav", "/mon/talk.wav"], ["talk.wav", "talk.wav (2)"]),
    ],
)
def test_files_of_one_name_are_told_apart_by_as_few_folders_as_it_takes(paths, names):
    assert told_apart([Path(path) for path in paths]) == names


parts = st.sampled_from(["a", "b", "talk.wav", "talk.wav (2)"])


@given(st.lists(st.lists(parts, min_size=1, max_size=4).map(lambda folders: Path("/", *folders)), max_size=6))
def test_no_two_files_have_one_name(paths):
    names = told_apart(paths)
    assert len({*names}) == len(names)
