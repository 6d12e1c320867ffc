"""Corpora of labelled speech."""
