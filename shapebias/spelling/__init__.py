"""Text to settings and back: the grammar of ``name:key=value``, the types of parameters, their declaration."""
