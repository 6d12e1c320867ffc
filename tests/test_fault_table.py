"""What the table of faults makes of the reports of tests."""

import pytest

from tests.fault_table import FAULTS, Shown, of_report, table


def report(outcome="passed", *, properties=(), longrepr=None) -> pytest.TestReport:
    return pytest.TestReport("a test", ("a.py", 1, "a test"), {}, outcome, longrepr, "call", user_properties=properties)


def test_every_fault_is_in_it_and_one_without_a_test_says_so():
    lines = table([]).splitlines()
    assert [number for line in lines[2:] if (number := line.split("|")[1].strip())] == [str(n) for n in FAULTS]
    assert "not tested: no test of it ran" in lines[2]


def test_tests_that_injected_the_same_are_one_row_with_the_worst_of_them():
    same = {"number": 1, "injected": "kill -9"}
    rows = [
        Shown(**same, verdict="passed", detected_s=0.5, healed_s=2.0, lost="0"),
        Shown(**same, verdict="passed", detected_s=1.5, healed_s=1.0, lost="0"),
        Shown(number=1, injected="SIGSTOP", verdict="failed"),
    ]
    first, second = table(rows).splitlines()[2:4]
    assert [cell.strip() for cell in first.split("|")[3:8]] == ["kill -9", "1.50 s", "2.00 s", "0", "passed"]
    assert [cell.strip() for cell in second.split("|")[1:8]] == ["", "", "SIGSTOP", "-", "-", "-", "failed"]


def test_a_report_tells_what_was_measured_and_why_it_was_skipped():
    properties = [("fault", [9, "SIGKILL"]), ("measured", {"healed_s": 3.0}), ("fault", [10, "too large"])]
    assert list(of_report(report(properties=properties))) == [
        Shown(number=9, injected="SIGKILL", verdict="passed", healed_s=3.0),
        Shown(number=10, injected="too large", verdict="passed", healed_s=3.0),
    ]
    skipped = report("skipped", properties=properties[:1], longrepr=("a.py", 1, "Skipped: needs root"))
    assert [one.verdict for one in of_report(skipped)] == ["skipped: needs root"]
