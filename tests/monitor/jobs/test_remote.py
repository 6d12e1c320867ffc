"""Utterances read elsewhere, over a real broker: the same readings, and a word about each that is not read."""

import asyncio
import logging
from dataclasses import replace

import numpy as np
import pytest

from core.anchor import Anchor
from core.errors import UsageError, WorkerError
from core.settings import ModelSettings, MqttSettings, RemoteSettings, Settings
from core.sound.audio import read_audio
from core.worker import InferenceWorker
from monitor.jobs.envelope import new_segment, pack_job
from monitor.jobs.remote import RemoteWorker
from monitor.mqtt.connection import Connection
from monitor.mqtt.messages import Message
from monitor.sources.opening import SAMPLE
from tests.monitor.jobs.split import QUICK_S, asking, connector, serving, settings
from tests.patience import until

pytestmark = pytest.mark.system

SPEECH = read_audio(SAMPLE)
UTTERANCES = [SPEECH[at : at + 16_000] for at in range(16_000, 64_000, 16_000)]


async def test_readings_of_the_shipped_model_are_the_same_to_the_last_bit_anchor_and_all(mosquitto):
    """Each utterance changes the anchor with which the next is read: one wrong bit would show in all that follow."""
    async with InferenceWorker(ModelSettings(abstain=False)) as mini, serving(mosquitto.address, mini):
        for codec in ("pcm", "flac"):
            async with asking(mosquitto.address, model="ltu-as-mini", codec=codec) as remote:
                assert remote.ready.stamp == mini.ready.stamp
                await the_same_readings(mini, remote)


async def the_same_readings(mini: InferenceWorker, remote: RemoteWorker) -> None:
    here, there = Anchor(), Anchor()
    for number, sound in enumerate(UTTERANCES):
        (mine,) = await mini.read([sound], explain=[True], anchors=[here])
        (theirs,) = await remote.read([sound], explain=[True], anchors=[there])
        aside = {"features_ms": 0.0, "llm_ms": 0.0, "heard": None}
        assert replace(theirs, **aside) == replace(mine, **aside)
        assert theirs.heard.features.tobytes() == mine.heard.features.tobytes()
        assert theirs.adaptation.utterances == number
        here = here.push(mine.heard, mine.distribution, at_s=float(number))
        there = there.push(theirs.heard, theirs.distribution, at_s=float(number))


async def test_several_workers_share_what_is_asked_and_each_says_who_it_is(mosquitto):
    async with (
        serving(mosquitto.address) as one,
        serving(mosquitto.address) as two,
        asking(mosquitto.address) as remote,
    ):
        await until(lambda: set(remote.health.remote.workers) == {one.name, two.name}, "two workers")
        readings = await remote.read([SPEECH[:n] for n in range(800, 880, 10)])
        assert all(reading.distribution for reading in readings)
        assert one._desk.answered + two._desk.answered == 8
        assert one._desk.answered
        assert two._desk.answered
        told = remote.health
        assert (told.state, told.model, told.remote.owned, told.remote.answered) == ("ready", "fake", 8, 8)
        assert told.remote.resent == told.remote.duplicates == 0
        await until(lambda: all(offer.read_s is not None for offer in remote._fitting), "both say how long they take")


async def test_transcripts_are_told_to_those_who_ask_for_them(mosquitto):
    async with serving(mosquitto.address), asking(mosquitto.address) as remote:
        assert (await remote.read(UTTERANCES[:1]))[0].transcript is None
        wants = settings(mosquitto.address)
        wants = replace(wants, model=replace(wants.model, transcript=True))
        async with RemoteWorker(wants, reconnect_s=QUICK_S) as other:
            assert (await other.read(UTTERANCES[:1]))[0].transcript == "16000 samples"


async def test_without_a_worker_utterances_wait_expire_and_are_counted_until_one_is_there(mosquitto, caplog):
    changes = []
    remote = RemoteWorker(settings(mosquitto.address, deadline_s=0.3), on_change=changes.append, reconnect_s=QUICK_S)
    starting = asyncio.create_task(remote.start())
    with pytest.raises(WorkerError):
        remote.ready  # noqa: B018
    await until(lambda: any("no worker at site main" in (change.error or "") for change in changes))
    async with serving(mosquitto.address):
        await starting
        assert (await remote.read(UTTERANCES[:1]))[0].distribution
    await until(lambda: remote.health.state == "restarting", "it misses the worker")
    with caplog.at_level(logging.WARNING):
        (reading,) = await remote.read(UTTERANCES[:1])
    assert (reading.distribution, reading.failed, reading.reason) == (None, True, "no worker in time")
    assert "no worker in time" in caplog.text
    told = remote.health.remote
    assert (told.workers, told.owned, told.answered, told.expired, told.in_flight) == ((), 2, 1, 1, 0)
    patient = asyncio.create_task(remote.read(UTTERANCES[:1], patient=True))
    await asyncio.sleep(0.5)  # longer than the deadline: sound that can wait does
    async with serving(mosquitto.address):
        assert (await patient)[0].distribution
    await remote.close()
    for waits in (False, True):
        (reading,) = await remote.read(UTTERANCES[:1], patient=waits)
        assert reading.reason == "worker stopped"


async def test_another_model_is_asked_if_somebody_reads_with_it_and_else_all_stays_as_it_is(mosquitto):
    async with serving(mosquitto.address), asking(mosquitto.address) as remote:
        with pytest.raises(UsageError, match="no worker at site main reads with fake, prompt ambiguous") as refused:
            await remote.replace_model(ModelSettings(name="fake", prompt="ambiguous"))
        assert "fake" in refused.value.hint
        async with serving(mosquitto.address, "fake:prompt=ambiguous") as other:
            await until(lambda: len(remote._offers.known(0.0)) == 2)
            assert (
                await remote.replace_model(ModelSettings(name="fake", prompt="ambiguous"))
            ).stamp.prompt == "ambiguous"
            (reading,) = await remote.read(UTTERANCES[:1])
            assert (reading.model.prompt, other._desk.answered) == ("ambiguous", 1)


async def test_a_worker_that_stops_passes_on_what_waits_and_finishes_what_it_reads(mosquitto, tmp_path):
    hold = tmp_path / "hold"
    async with (
        serving(mosquitto.address, f"fake:hold_while={hold}", max_batch=1) as slow,
        asking(mosquitto.address, resend_s=60) as remote,
    ):
        hold.touch()
        reads = [asyncio.create_task(remote.read([SPEECH[:n]])) for n in (800, 900)]
        await until(lambda: (slow._desk.held, len(slow._desk)) == (2, 1), "one is read and one waits")
        stopping = asyncio.create_task(slow.close())
        await until(lambda: slow._desk.declined == 1)
        async with serving(mosquitto.address) as quick:
            await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            assert quick._desk.answered == 1
            hold.unlink()
            assert [one.distribution is not None for (one,) in await asyncio.gather(*reads)] == [True, True]
            await stopping
        assert (slow._desk.answered, remote.health.remote.expired) == (1, 0)


@pytest.mark.parametrize("bend", ["junk", "retained", "QoS 0", "for another model"])
async def test_what_is_no_job_does_nothing_and_the_next_one_is_read(mosquitto, bend):
    async with serving(mosquitto.address) as worker, asking(mosquitto.address) as remote:
        topic = remote._topics.ask(worker._identity, "desk")
        whole = pack_job(new_segment(SPEECH[:800], anchor=None), attempt=1, run="r", valid_s=10, identity="other")
        async with connector(mosquitto.address, "other").connect() as connection:
            if bend == "QoS 0":
                connection.tell(Message(topic=topic, payload=whole, binary=True), 0)
            else:
                payload = b"\xff" * 99 if bend == "junk" else whole
                message = Message(topic=topic, payload=payload, binary=True, retain=bend == "retained")
                await connection.publish(message, 0)
            await until(lambda: worker._refused + worker._desk.declined == 1)
        assert (await remote.read(UTTERANCES[:1]))[0].distribution
        assert worker._desk.answered == 1


async def test_no_more_is_sent_to_a_worker_than_twice_what_it_reads_at_once(mosquitto, tmp_path):
    hold = tmp_path / "hold"
    async with (
        serving(mosquitto.address, f"fake:hold_while={hold}", max_batch=2) as worker,
        asking(mosquitto.address, resend_s=60) as remote,
    ):
        hold.touch()
        reads = asyncio.create_task(remote.read([SPEECH[:n] for n in range(800, 810)]))
        await until(lambda: worker._desk.held == 4)
        await asyncio.sleep(0.2)  # nothing more comes
        assert worker._desk.held == 4
        hold.unlink()
        assert len(await reads) == 10
        assert worker._desk.answered == 10


async def test_a_job_at_which_the_reading_itself_fails_is_passed_on_and_the_worker_goes_on(mosquitto):
    async with serving(mosquitto.address) as worker, asking(mosquitto.address, resend_s=60) as remote:
        read = worker._worker.read

        async def fail_once(*_, **__):
            worker._worker.read = read
            raise LookupError

        worker._worker.read = fail_once
        assert (await remote.read(UTTERANCES[:1]))[0].distribution
        assert (worker._desk.declined, worker._desk.answered, worker._desk.held) == (1, 1, 0)


async def test_a_job_is_acknowledged_only_after_its_result_is_with_the_broker(mosquitto):
    async with serving(mosquitto.address) as worker:
        order = []
        await until(lambda: worker._connection is not None and worker._is_offered)
        connection = worker._connection
        publish, acknowledge = Connection.publish, Connection.acknowledge

        async def noting_publish(self, message, now):
            await publish(self, message, now)
            if not message.retain:  # an offer
                order.append("result published")

        def noting_acknowledge(self, message):
            order.append("job acknowledged")
            acknowledge(self, message)

        connection.publish = noting_publish.__get__(connection)
        connection.acknowledge = noting_acknowledge.__get__(connection)
        async with asking(mosquitto.address) as remote:
            await remote.read(UTTERANCES[:1])
        await until(lambda: len(order) == 2)
    assert order[:2] == ["result published", "job acknowledged"]


async def test_what_the_broker_does_not_take_is_told_with_the_reason(make_mosquitto):
    small = make_mosquitto("max_packet_size 20000")
    async with serving(small.address), asking(small.address) as remote:
        long, short = await remote.read([SPEECH[:16_000], SPEECH[:800]])
        assert (long.failed, long.reason) == (True, "the broker refuses it: too large")
        assert short.distribution
        assert (remote.health.remote.refused, remote.health.remote.answered) == (1, 1)


def test_a_broker_elsewhere_needs_encryption_and_proof_as_for_events():
    plain = Settings(remote=RemoteSettings(broker="mqtt://gpu.example"), mqtt=MqttSettings(node="desk"))
    with pytest.raises(UsageError, match=r"remote\.broker: mqtt://gpu\.example:1883 is plaintext to another machine"):
        RemoteWorker(plain)


async def test_waveforms_that_are_none_are_refused(mosquitto):
    async with serving(mosquitto.address), asking(mosquitto.address) as remote:
        with pytest.raises(ValueError, match="int16"):
            await remote.read([np.zeros(100, np.float32)])
        assert remote.health.remote.owned == 0
