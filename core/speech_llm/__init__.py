"""Speech LLMs that others have published, in the layout of Hugging Face, read as LTU-AS is."""
