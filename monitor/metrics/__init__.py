"""Numbers for Prometheus: those of the last health event, served to this machine."""

from monitor.metrics.server import MetricsServer

__all__ = ["MetricsServer"]
