"""Sound to utterances: files, voice activity, levels. Pure: no clock, no sound card."""
