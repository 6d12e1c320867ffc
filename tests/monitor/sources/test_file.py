"""A file that is played."""

import asyncio
import time

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import AudioError, UsageError
from core.sound.audio import read_audio
from monitor.sources.file import FileSource
from monitor.sources.pace import Pace
from tests.monitor.sources.hand_clock import HandClock

TALK_S = 100


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Noise, so that every stretch of it is unlike any other."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    samples = np.random.default_rng(0).integers(-20_000, 20_000, TALK_S * 16_000)
    soundfile.write(path, samples.astype(np.int16), 16_000)
    return path


async def play(source):
    async with source:
        return [block async for block in source.blocks()]


def sound(blocks):
    return np.concatenate([block.samples for block in blocks])


@pytest.mark.parametrize("speed", [1.0, 3.7, 1000.0, "max"])
async def test_the_samples_are_those_of_the_file_at_every_speed(talk, speed):
    clock = HandClock()
    blocks = await play(FileSource(talk, speed=speed, pace=Pace(speed, clock=clock.now, sleep=clock.sleep)))
    assert np.array_equal(sound(blocks), read_audio(talk))
    assert all(block.lost == 0 for block in blocks)
    assert clock.now_s == pytest.approx(0 if speed == "max" else TALK_S / speed)


async def test_no_block_comes_before_its_last_sample_was_spoken(talk):
    clock = HandClock()
    position = 0
    async with FileSource(talk, pace=Pace(1.0, clock=clock.now, sleep=clock.sleep)) as source:
        async for block in source.blocks():
            position += len(block.samples)
            assert position <= clock.now_s * 16_000 + 1e-3
            assert position > clock.now_s * 16_000 - 320


async def test_a_late_consumer_gets_what_is_due_at_once(talk):
    clock = HandClock()
    async with FileSource(talk, pace=Pace(1.0, clock=clock.now, sleep=clock.sleep)) as source:
        blocks = source.blocks()
        await anext(blocks)
        clock.now_s += 20
        before_s = clock.now_s
        burst = [await anext(blocks) for _ in range(20 * 50)]
        assert clock.now_s == before_s
        assert all(block.lost == 0 for block in burst)
        await anext(blocks)
        assert clock.now_s > before_s


async def test_more_than_thirty_seconds_late_is_lost_and_counted(talk):
    clock = HandClock()
    async with FileSource(talk, pace=Pace(1.0, clock=clock.now, sleep=clock.sleep)) as source:
        blocks = source.blocks()
        await anext(blocks)
        clock.now_s += 50
        block = await anext(blocks)
    assert block.lost == pytest.approx(20 * 16_000, abs=320)
    assert np.array_equal(block.samples, read_audio(talk)[320 + block.lost :][:320])


async def test_a_consumer_that_is_late_for_the_end_still_gets_the_last_thirty_seconds(talk):
    clock = HandClock()
    async with FileSource(talk, pace=Pace(1.0, clock=clock.now, sleep=clock.sleep)) as source:
        blocks = source.blocks()
        await anext(blocks)
        clock.now_s += 10_000
        rest = [block async for block in blocks]
    assert np.array_equal(sound(rest), read_audio(talk)[-30 * 16_000 :])
    assert rest[0].lost == (TALK_S - 30) * 16_000 - 320


async def test_a_file_that_is_paused_waits_however_long_and_loses_nothing(talk):
    clock = HandClock()
    async with FileSource(talk, pace=Pace(1.0, clock=clock.now, sleep=clock.sleep)) as source:
        blocks = source.blocks()
        heard = [await anext(blocks) for _ in range(100)]
        assert source.hold(held=True)
        following = asyncio.ensure_future(anext(blocks))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not following.done()
        clock.now_s += 10_000
        source.hold(held=False)
        heard += [await following, *[block async for block in blocks]]
    assert np.array_equal(sound(heard), read_audio(talk))
    assert all(block.lost == 0 for block in heard)
    assert clock.now_s == pytest.approx(10_000 + TALK_S)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    delays_s=st.dictionaries(st.integers(0, 500), st.floats(0, 60), max_size=5),
    speed=st.sampled_from([1.0, 8.0, 200.0]),
)
async def test_every_sample_is_either_delivered_in_its_place_or_counted_as_lost(talk, delays_s, speed):
    clock = HandClock()
    whole = read_audio(talk)
    position = 0
    async with FileSource(talk, speed=speed, pace=Pace(speed, clock=clock.now, sleep=clock.sleep)) as source:
        number = 0
        async for block in source.blocks():
            position += block.lost
            assert np.array_equal(block.samples, whole[position : position + len(block.samples)])
            position += len(block.samples)
            clock.now_s += delays_s.get(number, 0)
            number += 1
    assert position == len(whole)


async def test_a_file_waits_for_a_slow_consumer_at_full_speed(talk):
    clock = HandClock()
    source = FileSource(talk, speed="max", pace=Pace("max", clock=clock.now, sleep=clock.sleep))
    heard = []
    async with source:
        async for block in source.blocks():
            clock.now_s += 60
            heard.append(block)
    assert not source.realtime
    assert np.array_equal(sound(heard), read_audio(talk))


async def test_real_time_takes_real_time(tmp_path):
    """The one test with a real clock: it can only be late, which is no failure."""
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 16_000)
    started_s = time.monotonic()
    await play(FileSource(tmp_path / "a.wav"))
    assert time.monotonic() - started_s >= 0.48


async def test_samples_that_are_not_numbers_are_counted_and_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, np.nan, np.inf, 0.5]), 16_000, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav", speed="max")
    assert sound(await play(source)).tolist() == [16_384, 0, 0, 16_384]
    assert source.bad_samples == 2
    assert source.notices == ["file:a.wav: 2 samples were not numbers and became silence"]


async def test_what_was_done_to_the_samples_of_a_file_is_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 2.0]), 16_000, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav", speed="max")
    assert sound(await play(source)).tolist() == [16_384, 32_767]
    assert source.notices == ["file:a.wav: 1 samples lay beyond full scale and were clipped"]


async def test_a_file_cut_short_is_played_to_its_end_and_then_reported(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(16_000) * 0.5, 16_000)
    path.write_bytes(path.read_bytes()[: 44 + 16_000])
    async with FileSource(path, speed="max") as source:
        blocks = source.blocks()
        heard = [await anext(blocks) for _ in range(25)]
        with pytest.raises(AudioError, match=r"a\.wav is cut short: it ends after 0\.50 s"):
            await anext(blocks)
    assert sound(heard).tolist() == [16_384] * 8_000


@pytest.mark.parametrize(("name", "error"), [("nope.wav", UsageError), ("", UsageError), ("text.wav", AudioError)])
def test_a_file_that_cannot_be_played_is_found_before_it_is_entered(tmp_path, name, error):
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(error):
        FileSource(tmp_path / name)


def test_the_name_leaves_out_the_folder(talk):
    assert FileSource(talk).name == "file:talk.wav"
