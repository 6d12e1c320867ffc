"""What a model says of ordinary speech: recordings that nobody labelled, heard as the live program hears them."""
