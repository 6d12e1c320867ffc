"""Captured sound that waits for the event loop."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.backlog import Backlog


def block(start, length):
    return np.arange(start, start + length, dtype=np.int16)[:, np.newaxis]


def test_an_empty_backlog_gives_nothing():
    assert Backlog(100).pop() is None


def test_blocks_come_out_as_they_went_in():
    backlog = Backlog(100)
    backlog.push(block(0, 10))
    backlog.push(block(10, 10), lost=7)
    assert backlog.pop()[0][0, 0] == 0
    assert backlog.pop()[1] == 7
    assert backlog.pop() is None


def test_a_full_backlog_loses_the_oldest_and_counts_it():
    backlog = Backlog(100)
    for start in range(0, 150, 10):
        backlog.push(block(start, 10))
    frames, lost = backlog.pop()
    assert frames[0, 0] == 50
    assert lost == 50


@given(
    capacity=st.integers(20, 200),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 20), st.integers(0, 5)), max_size=200),
)
def test_every_frame_is_held_or_delivered_in_its_place_or_counted(capacity, steps):
    backlog = Backlog(capacity)
    pushed = position = 0

    for is_push, length, gap in steps:
        if is_push:
            pushed += gap
            backlog.push(block(pushed, length), lost=gap)
            pushed += length
        elif taken := backlog.pop():
            frames, lost = taken
            position += lost
            assert frames[0, 0] == position
            position += len(frames)
    held = 0
    while taken := backlog.pop():
        frames, lost = taken
        position += lost + len(frames)
        held += len(frames)
    assert position == pushed
    assert held <= capacity


def test_two_threads_lose_nothing_between_them():
    backlog = Backlog(100)
    blocks = 20_000
    heard = 0

    def capture():
        for _ in range(blocks):
            backlog.push(block(0, 10))

    thread = threading.Thread(target=capture)
    thread.start()
    while True:
        running = thread.is_alive()
        taken = backlog.pop()
        if taken is None and not running:
            break
        if taken is not None:
            heard += len(taken[0]) + taken[1]
    thread.join()
    assert heard == blocks * 10
