"""The evaluation program: training and scoring on labelled speech."""
