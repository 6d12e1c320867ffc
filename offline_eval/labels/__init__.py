"""What people heard, as data: ratings, clips, and distributions made of them; who is held out."""
