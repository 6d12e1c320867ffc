"""From state to text and colour: pure painters, and every word that the dashboard says."""
