"""Networks: how they take pixels, which classes they have, and where their weights come from."""
