"""What CPython keeps of a long run; in a process of its own, since the interpreter's heap is one."""

import ctypes
import gc
import subprocess
import sys
from dataclasses import replace

import pytest

from monitor.upkeep import EVERY_S, Upkeep
from tests import sample_events

FILL = """
import sys
from tests import sample_events
from monitor.upkeep import EVERY_S, Upkeep

now_s = [0.0]
upkeep, health = Upkeep(lambda: now_s[0]), sample_events.health()
upkeep.tell(health)


def talk():
    for _ in range(2000):
        tuple(number for number in range(13))
    return sys.getallocatedblocks()


before, after = sys.getallocatedblocks(), talk()
now_s[0] = EVERY_S
upkeep.tell(health)
print(before, after, sys.getallocatedblocks())
"""


END = """
import soxr
from tests import sample_events
from monitor.upkeep import Upkeep

held = [soxr.ResampleStream(44_100, 16_000, 1)]
held.append(held)
Upkeep().tell(sample_events.health())
del held
"""


LARGE = """
import ctypes
from monitor.upkeep import give_back_large_blocks


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]


libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallinfo2.restype = Mallinfo


def mapped_for_itself(size):
    libc.free(libc.malloc(2 * size))  # from here on glibc would take such a block from its heap
    before = libc.mallinfo2().hblks
    block = libc.malloc(size)
    mapped = libc.mallinfo2().hblks - before
    libc.free(block)
    return mapped


print(give_back_large_blocks(), mapped_for_itself(320_000))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33 or newer")
def test_the_sound_of_an_utterance_goes_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]


def test_nothing_counts_as_leaked_when_the_program_ends():
    done = subprocess.run([sys.executable, "-c", END], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.fixture
def _thawed():
    yield
    gc.unfreeze()


def test_what_is_kept_of_tuples_is_given_back():
    done = subprocess.run([sys.executable, "-c", FILL], capture_output=True, text=True, check=True)
    before, after, given_back = map(int, done.stdout.split())
    assert given_back <= before + (after - before) / 10 + 50


@pytest.mark.usefixtures("_thawed")
def test_nothing_is_done_before_the_model_is_ready_nor_more_often_than_said():
    times = iter([0.0, 1.0, EVERY_S, 1.0 + EVERY_S])
    upkeep, looked_through = Upkeep(lambda: next(times)), []
    gc.callbacks.append(note := lambda phase, info: looked_through.append(info["generation"]) if phase == "stop" else 0)
    try:
        gc.disable()
        ready = sample_events.health()
        upkeep.tell(replace(ready, worker=replace(ready.worker, state="starting")))
        assert looked_through == []
        for count in (1, 1, 2):
            upkeep.tell(ready)
            assert looked_through == [2] * count
    finally:
        gc.enable()
        gc.callbacks.remove(note)
