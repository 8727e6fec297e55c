"""Images of a data set: reading, decoding, transforming, and the manifest of written images."""
