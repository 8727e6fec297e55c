"""Train the networks that a study compares: standard, adversarial, accuracy-matched.

This file imports nothing, so that a recipe can be read without torch; see ``recipe.py`` and ``loop.py``.
"""
