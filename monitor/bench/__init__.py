"""Measurements of the live program on the machine at hand."""
