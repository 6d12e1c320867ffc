"""The terminal dashboard: wire events in, commands out."""

from monitor.dashboard.app import DashboardApp
from monitor.dashboard.sink import DashboardSink
from monitor.dashboard.state.view_model import DashboardState, Session

__all__ = ["DashboardApp", "DashboardSink", "DashboardState", "Session"]
