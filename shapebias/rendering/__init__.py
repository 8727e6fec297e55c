"""Transformed images without answers: a copy of a data set, a preview, a contact sheet."""
