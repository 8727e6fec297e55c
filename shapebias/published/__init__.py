"""What others have published, as data: reference values, sets of stimuli, the names of their images."""
