"""The terminal dashboard: wire events in, commands out.

`state` folds events, `paint` makes text of what is known, `widgets` put it on screens, and `dialogs` ask for what a
command needs; each knows only those before it. Here at the top is the application: `app`, its `main_screen`, and more.
"""

from monitor.dashboard.app import DashboardApp
from monitor.dashboard.sink import DashboardSink
from monitor.dashboard.state.view_model import DashboardState, Session

__all__ = ["DashboardApp", "DashboardSink", "DashboardState", "Session"]
