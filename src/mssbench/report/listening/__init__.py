"""A page on which a study can be heard, without a network."""
