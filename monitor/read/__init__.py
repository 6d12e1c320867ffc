"""`emotion-monitor read`: what is heard in many files, as one table."""
