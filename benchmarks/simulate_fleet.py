"""How many workers and brokers do so many microphones need?

    python -m benchmarks.simulate_fleet [--microphones N ...] [--model ltu-as|mini] [--price P] [--uptime-s S] ...

For each number of microphones: traffic by arithmetic; workers by simulation, so many that at most 70 % of what they can
do is asked of them, 95 of 100 whole utterances begin to be read within --most-wait-s, none is lost; what they wait;
and the price of 1,000 hours of speech. Microphones are spread over sites of at most --site, each with a broker and
workers of its own.

`ltu-as` is COMPUTED from tensor shapes (see benchmarks/fleet/service.py), `mini` measured on the CPU of
benchmarks/results. --workers N simulates that many instead, --uptime-s S lets each fail at random.
docs/scaling-sizing.md says what comes out of it, and how far it was checked.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.fleet.outcome import Outcome
from benchmarks.fleet.service import LTU_AS_GPU, BatchTimes, mini_on_cpu
from benchmarks.fleet.simulation import Dispatch, Fleet, simulate
from benchmarks.fleet.sizing import (
    FLAC_BYTES_PER_S,
    MINI_ANCHOR_BYTES,
    PCM_BYTES_PER_S,
    broker_used,
    fewest_workers,
    live_cost,
    traffic,
)
from benchmarks.fleet.speech import Heard, Talk
from core.settings import RemoteSettings

MEASURED = Path(__file__).parent / "results" / "epyc-2-shared-cores"
WARM_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of microphones; traffic is that of all sites together, waiting that of one."""

    microphones: int
    sites: int
    jobs_per_s: float
    messages_per_s: float
    offers_per_s: float
    kbytes_per_s: float
    broker_used: float
    """Of what one broker can move."""
    workers: int
    used: float
    """Of what they can do at their best batch."""
    busy: float
    """Share of the time in which they read at all."""
    batch: float
    wait_ms: Sequence[float]
    """p50, p95, p99."""
    lost_share: float
    expired_share: float
    cost_per_1000_h: float


def main(words: Sequence[str] | None = None) -> None:
    """Simulates and prints."""
    arguments = _arguments(words)
    times, anchor_bytes = _model(arguments.model)
    talk = Talk(silence_s=arguments.silence_s, interim_every_s=arguments.interim_every_s)
    max_batch = arguments.max_batch or (8 if arguments.model == "ltu-as" else 1)
    fleet = Fleet(
        workers=1,
        times=times,
        max_batch=max_batch,
        dispatch=arguments.dispatch,
        resend_s=arguments.resend_s,
        uptime_s=arguments.uptime_s,
        down_s=arguments.down_s,
        noticed_s=arguments.noticed_s,
    )
    rows = []
    for microphones in arguments.microphones:
        sites = ceil(microphones / arguments.site)
        each = ceil(microphones / sites)
        heard = talk.heard(np.random.default_rng(arguments.seed), microphones=each, seconds=arguments.seconds)
        jobs_per_s = each * talk.per_s * (1 + talk.interims)
        if arguments.workers:
            enough = replace(fleet, workers=arguments.workers)
            outcome = _outcome(heard, enough, arguments.seed)
        else:
            least = fewest_workers(times, jobs_per_s=jobs_per_s, max_batch=max_batch)
            enough, outcome = _enough(heard, replace(fleet, workers=least), arguments.most_wait_s, arguments.seed)
        load = traffic(
            talk,
            microphones=each,
            workers=enough.workers,
            sound_bytes_per_s=FLAC_BYTES_PER_S if arguments.flac else PCM_BYTES_PER_S,
            anchor_bytes=anchor_bytes,
        )
        workers = sites * enough.workers
        rows.append(
            Row(
                microphones=microphones,
                sites=sites,
                jobs_per_s=round(sites * load.jobs, 1),
                messages_per_s=round(sites * load.messages, 1),
                offers_per_s=round(sites * load.offers, 1),
                kbytes_per_s=round(sites * load.bytes / 1000),
                broker_used=round(broker_used(load), 2),
                workers=workers,
                used=round(jobs_per_s / enough.workers / times.best_per_s(max_batch), 2),
                busy=round(outcome.utilisation, 2),
                batch=round(outcome.batch, 1),
                wait_ms=[round(outcome.wait_s(percent) * 1000) for percent in (50, 95, 99)],
                lost_share=round(outcome.lost_share, 5),
                expired_share=round(outcome.expired_share, 5),
                cost_per_1000_h=round(
                    live_cost(talk, microphones=microphones, workers=workers, price_per_hour=arguments.price), 2
                ),
            )
        )
    print(f"{times.source}\nup to {max_batch} at once; {talk.per_s:.3f} utterances/s and microphone, ", end="")
    print(f"each with {talk.interims:.2f} interim versions; given {fleet.dispatch}; {arguments.seconds:g} s simulated")
    print(f"1,000 h: of speech, at {arguments.price:g} for a worker and hour; an example without --price")
    print(_table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def _enough(heard: Sequence[Heard], fleet: Fleet, most_wait_s: float, seed: int) -> tuple[Fleet, Outcome]:
    """One more worker at a time, until it is enough."""
    while True:
        outcome = _outcome(heard, fleet, seed)
        if outcome.wait_s(95) <= most_wait_s and not outcome.lost_share:
            return fleet, outcome
        fleet = replace(fleet, workers=fleet.workers + 1)


def _outcome(heard: Sequence[Heard], fleet: Fleet, seed: int) -> Outcome:
    return simulate(heard, fleet, np.random.default_rng(seed), since_s=WARM_S)


def _model(name: str) -> tuple[BatchTimes, float]:
    if name == "ltu-as":
        return LTU_AS_GPU, 0.0
    return mini_on_cpu(json.loads((MEASURED / "streams.json").read_text())), MINI_ANCHOR_BYTES


def _table(rows: Sequence[Row]) -> str:
    columns = ["mics", "sites", "jobs/s", "msgs/s", "(offers)", "MB/s", "broker", "workers", "used", "busy", "batch"]
    columns += ["p50/95/99 ms", "lost", "1,000 h"]
    cells = [
        [
            f"{row.microphones}",
            f"{row.sites}",
            f"{row.jobs_per_s:.1f}",
            f"{row.messages_per_s:.0f}",
            f"{row.offers_per_s:.0f}",
            f"{row.kbytes_per_s / 1000:.2f}",
            f"{row.broker_used:.0%}",
            f"{row.workers}",
            f"{row.used:.0%}",
            f"{row.busy:.0%}",
            f"{row.batch:.1f}",
            "/".join(f"{wait_ms:.0f}" for wait_ms in row.wait_ms),
            f"{row.lost_share:.2%}",
            f"{row.cost_per_1000_h:.2f}",
        ]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in (columns, *cells)]
    return "\n".join(lines)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--microphones", type=int, nargs="+", default=[10, 100, 1000, 10_000], metavar="N")
    parser.add_argument("--site", type=int, default=1000, help="most microphones of a site (a broker)")
    parser.add_argument("--model", choices=["ltu-as", "mini"], default="ltu-as")
    parser.add_argument("--max-batch", type=int, help="utterances read at once; by default 8 and, for mini, 1")
    parser.add_argument("--workers", type=int, help="of each site; by default the fewest that are enough")
    parser.add_argument("--most-wait-s", type=float, default=0.5, help="for 95 of 100 whole utterances")
    parser.add_argument("--silence-s", type=float, default=Talk().silence_s, help="mean between utterances")
    parser.add_argument("--interim-every-s", type=float, default=Talk().interim_every_s, help="0: no interim versions")
    parser.add_argument("--dispatch", choices=get_args(Dispatch), default="in turn", help="how a broker gives jobs")
    parser.add_argument("--flac", action="store_true", help="remote.codec = flac")
    parser.add_argument("--resend-s", type=float, default=RemoteSettings().resend_s, help="remote.resend_s")
    parser.add_argument("--uptime-s", type=float, default=math.inf, help="mean time until a worker is gone")
    parser.add_argument("--down-s", type=float, default=60.0, help="time until it is back")
    parser.add_argument("--noticed-s", type=float, default=0.0, help="time until the broker knows that it is gone")
    parser.add_argument("--price", type=float, default=2.0, help="of a worker for an hour: an EXAMPLE, put in yours")
    parser.add_argument("--seconds", type=float, default=120.0, help="simulated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
