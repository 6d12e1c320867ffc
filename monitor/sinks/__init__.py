"""Where events go, besides the dashboard."""
