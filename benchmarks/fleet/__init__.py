"""How many workers a fleet of microphones needs: speech, a simulation of the split program, theory, arithmetic."""
