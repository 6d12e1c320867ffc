"""The commands of emotion-eval: arguments in, one function call, text out."""
