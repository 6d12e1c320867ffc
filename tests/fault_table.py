"""The table of faults: what was injected in this run, how soon it was noticed and healed, and what it cost.

A test that shows what becomes of one of `FAULTS` says so, `@pytest.mark.fault(1, "kill -9 of the broker")`, wherever it
lies; words in braces are its parameters. What it measures, it hands to the fixture `measured`. Both travel as
properties of its report, and `--fault-table` prints them for all faults in order.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

FAULTS = {
    1: "broker killed, back after 10 s",
    2: "broker killed twenty times",
    3: "network gone for 60 s",
    4: "network slow and lossy",
    5: "disk of the outbox fails",
    6: "program killed, its outbox open",
    7: "microphone vanishes",
    8: "microphone stalls",
    9: "inference process fails",
    10: "memory of the model runs out",
    11: "ten times too much to read",
    12: "junk for commands",
    13: "sound files that are wrong",
    14: "model folders that are wrong",
    15: "checkpoints that attack",
    16: "wall clock set, machine asleep",
    17: "two nodes of one id",
    18: "subscriber that hangs",
    19: "remote worker killed with a job",
    20: "SIGTERM under load",
}
UNTESTED = (
    (3, "iptables DROP", "a queue without room drops the packets in its place: no other tool is needed"),
    (
        4,
        "tc netem",
        "few kernels have it; a wire of ours delays and stalls instead, as TCP does where packets get lost",
    ),
    (7, "another index, snd-aloop", "no kernel with snd-aloop; devices are opened by name (TestFindingOne)"),
    (9, "lag of the event loop", "no number that holds on every machine; that it runs on is shown"),
    (13, "three hours, 10 GB", "memory does not grow over 96 MB, which tells the same sooner"),
    (
        14,
        "another checksum than the manifest's",
        "nothing compares it when a model is loaded; readings are stamped with the checksum of the weights",
    ),
    (16, "suspend and resume", "a machine under test must not sleep, nor have its clock set: only what is read is"),
)
"""Fault, what was not injected, and why."""

HEAD = ("#", "fault", "injected", "detected in", "healed in", "lost", "verdict")
Property: TypeAlias = tuple[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one test, or all that injected the same, showed of a fault; the worst it measured."""

    number: int
    injected: str
    verdict: str
    detected_s: float | None = None
    healed_s: float | None = None
    lost: str | None = None


def table(shown: Iterable[Shown]) -> str:
    """All faults in order, as Markdown."""
    found = _merged(shown)
    rows: list[tuple[str, ...]] = [HEAD, tuple("-" * len(word) for word in HEAD)]
    for number, name in FAULTS.items():
        of_it = [one for one in found if one.number == number]
        of_it += [
            Shown(number=number, injected=what, verdict=f"not tested: {why}")
            for no, what, why in UNTESTED
            if no == number
        ]
        of_it = of_it or [Shown(number=number, injected="-", verdict="not tested: no test of it ran")]
        for place, one in enumerate(of_it):
            head = (str(number), name) if place == 0 else ("", "")
            rows.append((*head, one.injected, _in_s(one.detected_s), _in_s(one.healed_s), one.lost or "-", one.verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _merged(shown: Iterable[Shown]) -> list[Shown]:
    together: dict[tuple[int, str], list[Shown]] = {}
    for one in shown:
        together.setdefault((one.number, one.injected), []).append(one)
    return [
        Shown(
            number=number,
            injected=injected,
            verdict=_worst([one.verdict for one in each]),
            detected_s=max((one.detected_s for one in each if one.detected_s is not None), default=None),
            healed_s=max((one.healed_s for one in each if one.healed_s is not None), default=None),
            lost=", ".join(dict.fromkeys(one.lost for one in each if one.lost)) or None,
        )
        for (number, injected), each in together.items()
    ]


def _worst(verdicts: list[str]) -> str:
    ordered = sorted(dict.fromkeys(verdicts), key=lambda verdict: (verdict != "failed", verdict != "passed"))
    return "failed" if "failed" in ordered else "; ".join(ordered)


def _in_s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def of_report(report: pytest.TestReport) -> Iterator[Shown]:
    """What a test's report says of faults."""
    measured: dict[str, Any] = {}
    for name, value in report.user_properties:
        if name == "measured":
            measured |= value
    for name, value in report.user_properties:
        if name == "fault":
            number, injected = value
            yield Shown(number=number, injected=injected, verdict=_verdict(report), **measured)


def _verdict(report: pytest.TestReport) -> str:
    if not report.skipped:
        return report.outcome
    _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    return f"skipped: {reason.removeprefix('Skipped: ')}"


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Takes `detected_s`, `healed_s` and `lost` of the fault that a test injects."""

    def take(*, detected_s: float | None = None, healed_s: float | None = None, lost: object = None) -> None:
        words = {"detected_s": detected_s, "healed_s": healed_s, "lost": None if lost is None else str(lost)}
        request.node.user_properties.append(
            ("measured", {name: word for name, word in words.items() if word is not None})
        )

    return take


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --fault-table."""
    parser.addoption("--fault-table", action="store_true", help="print what became of every fault that was injected")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Notes on a test which faults it shows."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    for mark in item.iter_markers("fault"):
        number, injected = mark.args
        assert number in FAULTS, f"{item.nodeid}: there is no fault {number}"
        item.user_properties.append(("fault", [number, injected.format(**parameters)]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table."""
    if not config.getoption("--fault-table"):
        return
    reports = [
        report for name in ("failed", "error", "passed", "skipped") for report in terminalreporter.getreports(name)
    ]
    terminalreporter.section("faults")
    terminalreporter.write_line(table(one for report in reports for one in of_report(report)))
