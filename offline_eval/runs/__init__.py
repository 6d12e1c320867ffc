"""A model asked about a corpus: what is asked, its answers on disk, and what is read from them."""
