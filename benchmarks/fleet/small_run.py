"""The real program beside its simulation: edges, a broker, workers, and how long utterances waited in both.

    python -m benchmarks.fleet.small_run [--seconds S] [--json FILE]

Needs mosquitto. Each edge is `emotion-monitor run --worker` and hears sentences of the shipped reading with silences
between them, as if spoken; workers are `emotion-monitor worker` with a model that sleeps. COORDINATION ONLY: one
machine, no GPU, no network of several hosts.

The simulation is given the moments at which the edges handed utterances on, so that chance does not differ between the
two; how far apart answers of a busy worker were; and what an utterance took that met nobody else. `drawn` is what it
says without knowing the moments: from how often the edges are spoken to, many times over. Exit status 1 if a mean
differs by more than a tenth.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.fleet.outcome import Outcome
from benchmarks.fleet.service import BatchTimes
from benchmarks.fleet.simulation import Fleet, simulate
from benchmarks.fleet.speech import Heard
from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings, VadSettings
from core.sound.audio import read_audio
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from monitor.bench.machine import conditions
from monitor.sources.opening import SAMPLE
from tests.monitor.jobs.worker_program import WorkerProgram
from tests.mosquitto import Mosquitto
from tests.program import command, environment

SILENCE_S = 1.5
"""Mean silence between sentences, beyond what ends an utterance."""
CUT = SegmenterSettings(interim_every_s=0, eager_after_s=0)
DRAWS = 300
MOST_DEVIATION = 0.10


@dataclass(frozen=True, slots=True)
class Load:
    """So many edges for so many workers, which sleep for so long."""

    edges: int
    workers: int
    read_s: float


LOADS = (Load(12, 1, 0.4), Load(12, 2, 0.8), Load(12, 4, 1.5))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the edges said: when they handed utterances on, how long until the answers, and the model's part of it.

    float64 [n], in order of `at_s`.
    """

    at_s: NDArray[np.float64]
    sojourn_s: NDArray[np.float64]
    model_s: NDArray[np.float64]
    edge: NDArray[np.int64]
    unread: int

    def service_and_hop_s(self, workers: int) -> tuple[float, float]:
        """How long an utterance keeps a worker, and one way between edge and worker.

        The first is how far apart answers of one worker are while something waits for it: the model and what the worker
        does around it (median, for two that come in one moment may change places). What an utterance takes on top where
        it found its worker and its edge idle is the way. mosquitto gives jobs in turn, so that an utterance has the
        worker of the one that is so many before it.
        """
        answered_s = self.at_s + self.sojourn_s
        apart_s, alone_s = [], []
        for number in range(workers, len(self.at_s)):
            before_s = answered_s[number - workers :: -workers].max()
            if (answered_s[:number][self.edge[:number] == self.edge[number]] > self.at_s[number]).any():
                continue
            if before_s > self.at_s[number]:
                apart_s.append(answered_s[number] - before_s)
            else:
                alone_s.append(self.sojourn_s[number])
        service_s = float(np.median(apart_s))
        return service_s, max(float(np.mean(alone_s)) - service_s, 0.0) / 2

    def as_lists(self) -> dict[str, list[float]]:
        """For JSON, in whole milliseconds."""
        times = {"at_ms": self.at_s - self.at_s[0], "sojourn_ms": self.sojourn_s, "model_ms": self.model_s}
        return {name: np.rint(1000 * seconds).tolist() for name, seconds in times.items()} | {
            "edge": self.edge.tolist()
        }

    @classmethod
    def from_lists(cls, trace: Mapping[str, list[float]]) -> Self:
        """What `as_lists` gave."""
        times = {name: np.array(trace[f"{name}_ms"]) / 1000 for name in ("at", "sojourn", "model")}
        return cls(times["at"], times["sojourn"], times["model"], np.array(trace["edge"], np.int64), 0)

    @property
    def heard(self) -> list[Heard]:
        """The same as the simulation takes it."""
        start_s = self.at_s[0]
        return [Heard(at - start_s, edge, 0.0) for at, edge in zip(self.at_s.tolist(), self.edge.tolist(), strict=True)]


def main() -> None:
    """Measures, simulates and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=90.0, help="of sound for each edge and load")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    arguments = parser.parse_args()
    sentences = _sentences()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            _compared(load, _run(load, sentences, arguments.seconds, folder), sentences, arguments.seconds)
            for load in LOADS
        ]
    found = {
        "label": "coordination only: one machine, a model that sleeps",
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "conditions": conditions() | {"shared": "with other work"},
        "seconds": arguments.seconds,
        "rows": rows,
    }
    print(json.dumps({**found, "rows": [{**row, "trace": "..."} for row in rows]}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found) + "\n")
    sys.exit(int(any(abs(row["deviation"]["sojourn"]) > MOST_DEVIATION for row in rows)))


def replayed(measured: Measured, workers: int) -> tuple[Fleet, Outcome]:
    """The same moments, simulated."""
    service_s, hop_s = measured.service_and_hop_s(workers)
    fleet = Fleet(workers=workers, times=BatchTimes(source="this run", seconds={1: service_s}), hop_s=hop_s)
    return fleet, simulate(measured.heard, fleet, np.random.default_rng(0))


def _compared(load: Load, measured: Measured, sentences: Sequence[NDArray[np.int16]], seconds: float) -> dict[str, Any]:
    """Means of both; waiting is what is beyond the time that an utterance takes by itself."""
    fleet, simulated = replayed(measured, load.workers)
    service_s = fleet.times.seconds[1]
    chance = np.random.default_rng(0)
    expected = [_expected(chance, load.edges, sentences, seconds) for _ in range(DRAWS)]
    drawn = [float(np.mean(simulate(heard, fleet, chance).sojourns_s)) for heard in expected]
    sojourn = {"measured": float(np.mean(measured.sojourn_s)), "simulated": float(np.mean(simulated.sojourns_s))}
    wait = {name: mean_s - service_s - 2 * fleet.hop_s for name, mean_s in sojourn.items()}
    p95 = {
        "measured": float(np.percentile(measured.sojourn_s, 95)),
        "simulated": float(np.percentile(simulated.sojourns_s, 95)),
    }
    lasted_s = float(measured.at_s[-1] - measured.at_s[0])
    return {
        **asdict(load),
        "utterances": len(measured.at_s),
        "unread": measured.unread,
        "busy": round(len(measured.at_s) * service_s / lasted_s / load.workers, 2),
        "load": round(os.getloadavg()[0], 2),
        "model_s": round(float(np.mean(measured.model_s)), 3),
        "service_s": round(service_s, 3),
        "hop_s": round(fleet.hop_s, 3),
        "mean_wait_s": _rounded(wait),
        "mean_sojourn_s": _rounded(sojourn),
        "p95_sojourn_s": _rounded(p95),
        "deviation": {
            "wait": _deviation(wait),
            "sojourn": _deviation(sojourn),
            "p95": _deviation(p95),
        },
        "drawn_sojourn_s": {
            "mean": round(float(np.mean(drawn)), 3),
            "utterances": round(float(np.mean([len(heard) for heard in expected]))),
            "of_19_in_20": [round(float(np.percentile(drawn, at)), 3) for at in (2.5, 97.5)],
        },
        "simulated_resent": simulated.resent,
        "trace": measured.as_lists(),
    }


def _run(load: Load, sentences: Sequence[NDArray[np.int16]], seconds: float, folder: Path) -> Measured:
    """The real thing."""
    chance = np.random.default_rng(load.edges * 100 + load.workers)
    broker = Mosquitto(folder, "max_queued_messages 0").start()
    workers = [WorkerProgram(broker.url, f"fake:read_s={load.read_s}") for _ in range(load.workers)]
    try:
        for worker in workers:
            worker.ready()
        sounds = [_sound(chance, sentences, seconds) for _ in range(load.edges)]
        events = [folder / f"edge{number}.jsonl" for number in range(load.edges)]
        with _edges(broker.url, sounds, events) as edges:
            for edge in edges:
                edge.wait(seconds + 120)
    finally:
        for worker in workers:
            worker.kill()
        broker.kill()
    said = [json.loads(line) | {"edge": number} for number, path in enumerate(events) for line in path.open()]
    for path in events:
        path.unlink()
    said.sort(key=_handed_on_s)
    read = [event for event in said if event["status"] == "ok"]
    return Measured(
        at_s=np.array([_handed_on_s(event) for event in read]),
        sojourn_s=np.array([(event["latency_ms"]["total"] - event["latency_ms"]["hangover"]) / 1000 for event in read]),
        model_s=np.array([event["latency_ms"]["llm"] / 1000 for event in read]),
        edge=np.array([event["edge"] for event in read]),
        unread=len(said) - len(read),
    )


def _handed_on_s(event: dict[str, Any]) -> float:
    """When an utterance was over and known to be."""
    began_s = datetime.fromisoformat(event["started_at"]).timestamp()
    return began_s + float(event["end_s"]) - float(event["start_s"]) + float(event["latency_ms"]["hangover"]) / 1000


@contextmanager
def _edges(
    url: str, sounds: Sequence[NDArray[np.int16]], events: Sequence[Path]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`emotion-monitor run --worker`, one for each sound, until it is played."""
    edges = []
    with tempfile.TemporaryDirectory() as home:
        for number, (sound, path) in enumerate(zip(sounds, events, strict=True)):
            wav = Path(home) / f"{number}.wav"
            soundfile.write(wav, sound, SAMPLE_RATE_HZ)
            words = ["run", "--worker", url, "--model", "fake", "--mqtt", "off", "--yes", "--headless"]
            words += ["--source", f"file:{wav}", "--sink", f"jsonl:{path}"]
            ours = {
                "EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance",
                "EMOTION_MONITOR_MQTT__NODE": f"edge{number}",
                "EMOTION_MONITOR_SEGMENTER__INTERIM_EVERY_S": "0",
                "XDG_STATE_HOME": home,
                "XDG_CONFIG_HOME": home,
            }
            edges.append(
                subprocess.Popen(  # noqa: S603 - our own program
                    command(*words), env=environment(ours), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            time.sleep(0.2)  # two cores start them one after the other
        try:
            yield edges
        finally:
            for edge in edges:
                edge.kill()
                edge.wait()


def _sentences() -> list[NDArray[np.int16]]:
    """Utterances of the shipped reading that are no longer than is read at once."""
    segmenter = SpeechSegmenter(CUT, VadSettings())
    outputs = [*segmenter.push(read_audio(SAMPLE)), *segmenter.flush()]
    return [one.samples for one in outputs if isinstance(one, Utterance) and len(one.samples) < 7 * SAMPLE_RATE_HZ]


def _plan(
    chance: np.random.Generator, sentences: Sequence[NDArray[np.int16]], seconds: float
) -> Iterator[tuple[float, NDArray[np.int16]]]:
    """Silences, each with the sentence after it, for as long as they fit."""
    room_s = seconds - 2.0
    while True:
        silence_s = CUT.hangover_s + 0.2 + chance.exponential(SILENCE_S)
        sentence = sentences[int(chance.integers(len(sentences)))]
        room_s -= silence_s + len(sentence) / SAMPLE_RATE_HZ
        if room_s < 0:
            return
        yield silence_s, sentence


def _sound(chance: np.random.Generator, sentences: Sequence[NDArray[np.int16]], seconds: float) -> NDArray[np.int16]:
    """What an edge hears."""
    parts = [
        part
        for silence_s, sentence in _plan(chance, sentences, seconds)
        for part in (np.zeros(round(silence_s * SAMPLE_RATE_HZ), np.int16), sentence)
    ]
    return np.concatenate([*parts, np.zeros(2 * SAMPLE_RATE_HZ, np.int16)])


def _expected(
    chance: np.random.Generator, edges: int, sentences: Sequence[NDArray[np.int16]], seconds: float
) -> list[Heard]:
    """When edges would hand on what they hear, without hearing it."""
    heard = []
    for edge in range(edges):
        at_s = 0.3 * edge
        for silence_s, sentence in _plan(chance, sentences, seconds):
            at_s += silence_s + len(sentence) / SAMPLE_RATE_HZ
            heard.append(Heard(at_s + CUT.hangover_s, edge, len(sentence) / SAMPLE_RATE_HZ))
    return sorted(heard, key=lambda one: one.at_s)


def _deviation(means_s: dict[str, float]) -> float:
    return round(means_s["simulated"] / means_s["measured"] - 1, 3)


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
