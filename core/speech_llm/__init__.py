"""Speech LLMs of other makers, in the layout of Hugging Face or on a server, read as LTU-AS is."""
