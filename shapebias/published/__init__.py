"""Published facts as data: reference values, sets of stimuli, the names of their images."""
