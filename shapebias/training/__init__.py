"""Train the networks that a study compares: standard, adversarial, accuracy-matched.

Nothing is imported here, so that a recipe can be read without torch: see ``recipe.py`` and ``loop.py``.
"""
