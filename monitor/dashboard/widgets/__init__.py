"""What is on the screens: Textual widgets that show what the painters paint."""
