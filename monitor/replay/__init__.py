"""Plays recorded events back."""
