"""What a run came to, for people and for programs: a page with figures, Markdown, and JSON."""
