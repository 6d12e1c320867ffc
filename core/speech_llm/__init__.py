"""Speech LLMs of other makers, in the layout of Hugging Face, read as LTU-AS is."""
