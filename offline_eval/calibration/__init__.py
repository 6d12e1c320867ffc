"""Fitting of a finished model: what turns its readings into probabilities, and when it should give none."""
