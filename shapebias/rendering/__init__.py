"""Transformed images without results: a copy of a data set, a preview, a contact sheet."""
