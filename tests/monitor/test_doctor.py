"""What the doctor says of metrics; the rest of its report needs the whole machine."""

import socket

from core.settings import MetricsSettings, Settings
from monitor.doctor import _metrics


def test_the_doctor_says_where_metrics_would_be_or_why_not():
    assert _metrics(Settings()).verdict == "ok"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = Settings(metrics=MetricsSettings(port=port))
        taken.listen()
        assert _metrics(settings).verdict == "FAIL"
        assert f"metrics.port = {port}" in _metrics(settings).text
    found = _metrics(settings)
    assert found.verdict == "ok"
    assert f"http://127.0.0.1:{port}/metrics" in found.text
