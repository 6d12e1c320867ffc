"""Speech LLMs that others have published, behind the read-outs of the paper."""
