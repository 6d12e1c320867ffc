"""What a number of microphones comes to: jobs, messages, bytes, brokers, and what reading costs. Arithmetic only.

docs/scaling-sizing.md writes the same out in words.
"""

from dataclasses import dataclass
from math import ceil

from benchmarks.fleet.service import BatchTimes
from benchmarks.fleet.speech import Talk
from core.model import SAMPLE_RATE_HZ
from monitor.jobs.offers import EVERY_S

PCM_BYTES_PER_S = 2 * SAMPLE_RATE_HZ
FLAC_BYTES_PER_S = 14_300
"""Of the shipped reading."""
JOB_BYTES = 310
"""A job without its sound and without an anchor; the anchor of `ltu-as-mini` adds 11 kB."""
RESULT_BYTES = 650
"""Without what an anchor is told; that is 11 kB with `ltu-as-mini`."""
MINI_ANCHOR_BYTES = 11_000
BROKER_MESSAGES_PER_S = 20_000.0
"""In and out: mosquitto works 0.2 ms for a job of 5 s and its result, which are four, and takes one core (measured by
benchmarks/fleet/broker_cost.py, few clients, without TLS)."""
LINK_BYTES_PER_S = 118e6
"""Each way, of 1 Gbit/s: an assumption."""
MOST_USED = 0.7
"""Of what workers and brokers can do at most: talk comes in bursts, and a fleet that is behind stays behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What so many microphones of one site give a broker to do, a second."""

    jobs: float
    """Utterances and their interim versions."""
    messages: float
    """PUBLISH packets in and out: a job and its result each go in and out once; offers go to every edge."""
    offers: float
    """Those of them that are offers of workers."""
    bytes: float
    """In; as much goes out."""


def traffic(
    talk: Talk, *, microphones: int, workers: int, sound_bytes_per_s: float = PCM_BYTES_PER_S, anchor_bytes: float = 0.0
) -> Traffic:
    """Of one site with one broker, each microphone an edge of its own."""
    utterances = microphones * talk.per_s
    interims = utterances * talk.interims
    sound_s = utterances * talk.mean_length_s + interims * talk.mean_interim_s
    jobs = utterances + interims
    offers = workers / EVERY_S * (1 + microphones)
    return Traffic(
        jobs=jobs,
        messages=4 * jobs + offers,
        offers=offers,
        bytes=sound_s * sound_bytes_per_s + jobs * (JOB_BYTES + RESULT_BYTES + 2 * anchor_bytes),
    )


def fewest_workers(times: BatchTimes, *, jobs_per_s: float, max_batch: int, most_used: float = MOST_USED) -> int:
    """So many that no more than a share of what they can do at their best batch is asked of them."""
    return max(1, ceil(jobs_per_s / times.best_per_s(max_batch) / most_used))


def broker_used(load: Traffic) -> float:
    """Share of what one broker can move: of its processor core or of its link, whichever is more."""
    return max(load.messages / BROKER_MESSAGES_PER_S, load.bytes / LINK_BYTES_PER_S)


def corpus_cost(
    times: BatchTimes,
    *,
    price_per_hour: float,
    max_batch: int,
    hours: float = 1000.0,
    length_s: float = 5.0,
    busy: float = 0.9,
) -> float:
    """Price of reading so many hours of speech from files: only what is read is paid."""
    utterances = hours * 3600 / length_s
    return utterances / times.best_per_s(max_batch) / busy / 3600 * price_per_hour


def live_cost(talk: Talk, *, microphones: int, workers: int, price_per_hour: float, hours: float = 1000.0) -> float:
    """Price of so many hours of speech heard live: workers are paid while nobody speaks as well."""
    speech_share = talk.per_s * talk.mean_length_s
    return hours / (microphones * speech_share) * workers * price_per_hour
