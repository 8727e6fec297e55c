"""Images of a data set: read, decoded once, transformed once, described in a manifest."""
