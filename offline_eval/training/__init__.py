"""Training a small LTU-AS on labelled emotional speech."""
