"""How good readings are: measures, draws of speakers, reference points."""
