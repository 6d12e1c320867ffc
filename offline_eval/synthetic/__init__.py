"""A tree in the shape of IEMOCAP with invented votes, words and sound: to try an evaluation, and to test it."""
