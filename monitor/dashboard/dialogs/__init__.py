"""Small modal screens in which something is chosen or written; escape leaves everything as it was."""
