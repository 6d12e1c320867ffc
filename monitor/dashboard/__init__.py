"""The terminal dashboard: wire events in, commands out.

`state` folds events, `paint` makes text of that, `widgets` put it on screens, `dialogs` ask for what a command needs;
each knows only those before it. Here at the top is the application: `app` and its `main_screen`, and what they are set
up with.
"""

from monitor.dashboard.app import DashboardApp
from monitor.dashboard.sink import DashboardSink
from monitor.dashboard.state.view_model import DashboardState, Session

__all__ = ["DashboardApp", "DashboardSink", "DashboardState", "Session"]
