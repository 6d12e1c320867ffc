"""Files of events, read back: lines, the tape they are on, and when each was."""
