"""What the dashboard knows: pure folds over wire events, and what follows from them. No widgets, no words."""
