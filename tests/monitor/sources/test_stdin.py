"""Raw samples through a pipe or a redirected file."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AudioError, UsageError
from monitor.sources.pace import Pace
from monitor.sources.stdin import StdinSource
from tests.core.sound.encoding import encode, mp3, tone
from tests.monitor.sources.hand_clock import HandClock

RECORD = [sys.executable, Path(__file__).with_name("record.py"), "stdin", "3600"]
SPEECH = np.random.default_rng(0).integers(-32768, 32768, 50_000).astype("<i2").tobytes()


@contextmanager
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


async def listen(source):
    async with source:
        return [block async for block in source.blocks()]


def as_bytes(blocks):
    return b"".join(block.samples.astype("<i2").tobytes() for block in blocks)


async def test_what_is_sent_through_a_pipe_is_heard():
    with pipe() as (reader, writer):
        sender = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=writer)
        writer.close()
        sending = asyncio.create_task(sender.communicate(SPEECH))
        blocks = await listen(StdinSource(speed="max", fd=reader.fileno()))
        await sending
    assert as_bytes(blocks) == SPEECH
    assert {len(block.samples) for block in blocks[:-1]} == {320}


async def test_a_redirected_file_is_heard(tmp_path):
    (tmp_path / "a.raw").write_bytes(SPEECH)
    with (tmp_path / "a.raw").open("rb") as file:
        assert as_bytes(await listen(StdinSource(speed="max", fd=file.fileno()))) == SPEECH


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=20))
async def test_it_does_not_matter_how_the_sender_cuts_it_up(sizes):
    with pipe() as (reader, writer):

        async def send():
            start = 0
            for size in sizes:
                writer.write(SPEECH[start : start + size])
                start += size
                await asyncio.sleep(0)
            writer.close()

        sending = asyncio.create_task(send())
        source = StdinSource(speed="max", fd=reader.fileno())
        sent = SPEECH[: sum(sizes)]
        if len(sent) == 1:
            with pytest.raises(AudioError):
                await listen(source)
        else:
            assert as_bytes(await listen(source)) == sent[: len(sent) // 2 * 2]
        await sending


async def test_half_a_sample_at_the_end_is_dropped_and_told():
    with pipe() as (reader, writer):
        writer.write(SPEECH[:1_001])
        writer.close()
        source = StdinSource(speed="max", fd=reader.fileno())
        assert as_bytes(await listen(source)) == SPEECH[:1_000]
    assert source.notices == ["stdin ended in the middle of a sample; its last byte was dropped"]


async def test_a_sender_that_is_too_fast_waits_once_it_is_a_pipe_ahead(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(2 * 160_000))
    clock = HandClock()
    with (tmp_path / "a.raw").open("rb") as file:
        pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
        blocks = await listen(StdinSource(speed=1.0, fd=file.fileno(), pace=pace))
    assert sum(len(block.samples) for block in blocks) == 160_000
    assert clock.now_s == pytest.approx(10 - 32_768 / 16_000)


async def test_a_late_consumer_loses_nothing(tmp_path):
    (tmp_path / "a.raw").write_bytes(SPEECH)
    clock = HandClock()
    heard = []
    with (tmp_path / "a.raw").open("rb") as file:
        pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
        async with StdinSource(speed=1.0, fd=file.fileno(), pace=pace) as source:
            async for block in source.blocks():
                clock.now_s += 100
                heard.append(block)
    assert as_bytes(heard) == SPEECH
    assert all(block.lost == 0 for block in heard)


async def test_listening_can_be_cancelled_while_nobody_sends():
    with pipe() as (reader, _writer):
        listening = asyncio.create_task(listen(StdinSource(fd=reader.fileno())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening


@pytest.mark.parametrize(
    ("start", "kind"), [(b"RIFF\0\0\0\0WAVE", "WAV"), (b"fLaC\0\0", "FLAC"), (b"OggS\0\0", "Ogg"), (b"ID3\3", "MP3")]
)
async def test_a_sound_file_in_place_of_raw_samples_is_recognised(start, kind):
    with pipe() as (reader, writer):
        writer.write(start + bytes(2_000))
        with pytest.raises(UsageError, match=f"looks like {kind}"):
            await listen(StdinSource(speed="max", fd=reader.fileno()))


@pytest.mark.parametrize("kind", ["MP3", "AAC", "MP4", "WebM or Matroska", "AU", "CAF"])
async def test_every_kind_of_sound_file_is_refused_by_name_with_what_makes_it_raw(tmp_path, kind):
    path = tmp_path / "a"
    match kind:
        case "AU" | "CAF":
            soundfile.write(path, tone(16_000, 0.5), 16_000, format=kind)
        case "MP3":
            mp3(path, tone(16_000, 1.5), 16_000, states_length=False)
        case _:
            container, codec = {"AAC": ("adts", "aac"), "MP4": ("ipod", "aac")}.get(kind, ("webm", "libopus"))
            encode(path, tone(48_000, 0.5), container=container, codec=codec)
    with path.open("rb") as file, pytest.raises(UsageError) as raised:
        await listen(StdinSource(speed="max", fd=file.fileno()))
    line = raised.value.one_line()
    assert line.startswith(f"standard input looks like {kind} (")
    assert "ffmpeg -i FILE -f s16le -ar 16000 -ac 1 -" in line


def test_a_speed_makes_it_a_live_stream_and_full_speed_does_not():
    with pipe() as (reader, _writer):
        assert StdinSource(speed=1.0, fd=reader.fileno()).realtime
        assert not StdinSource(speed="max", fd=reader.fileno()).realtime


def test_a_terminal_is_refused():
    ours, theirs = os.openpty()
    try:
        with pytest.raises(UsageError, match="is a terminal"):
            StdinSource(fd=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


class TestAsAProgram:
    def test_standard_input_of_a_real_process_is_heard(self):
        result = subprocess.run(RECORD, input=SPEECH, capture_output=True, check=True)
        assert result.stdout == SPEECH
        assert json.loads(result.stderr.splitlines()[-1])["name"] == "stdin"

    @pytest.mark.parametrize("redirection", ["< /dev/null", "<&-"])
    def test_no_input_is_one_line(self, redirection):
        command = " ".join(map(str, RECORD)) + " " + redirection
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1].startswith("AudioError: standard input")
        assert "Traceback" not in result.stderr
