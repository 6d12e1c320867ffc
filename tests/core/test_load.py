import subprocess
import sys
import time

from core.load import SHORTEST_S, ProcessLoad
from tests.descriptors import no_free_descriptor


def test_a_busy_process_costs_processor_time_and_an_idle_one_hardly_any():
    load = ProcessLoad()
    assert load.measure().rss_mb > 10
    began_s = time.process_time()
    while time.process_time() - began_s < 2 * SHORTEST_S:
        pass
    busy = load.measure().cpu_percent
    assert busy is not None
    assert load.measure().cpu_percent == busy, "too soon to say anything new"
    time.sleep(2 * SHORTEST_S)
    idle = load.measure().cpu_percent
    assert idle is not None
    assert idle < busy


def test_a_process_that_is_gone_costs_nothing():
    child = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE)
    load = ProcessLoad(child.pid)
    assert load.measure().rss_mb > 0
    child.communicate()
    assert (load.measure().rss_mb, load.measure().cpu_percent) == (0, None)
    assert ProcessLoad(child.pid).measure().rss_mb == 0


def test_without_a_free_descriptor_it_is_as_it_was_and_afterwards_measured_again():
    load = ProcessLoad()
    with no_free_descriptor():
        assert load.measure().rss_mb > 10
        late = ProcessLoad()
        assert late.measure().rss_mb == 0
    assert late.measure().rss_mb > 10
