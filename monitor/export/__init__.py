"""A session as files: tables for analysis, events for programs, a page for people. Never sound."""
