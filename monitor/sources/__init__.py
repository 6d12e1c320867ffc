"""Where sound comes from: microphones, sound files and standard input."""
