"""Speech LLMs of other makers, read as LTU-AS is."""
