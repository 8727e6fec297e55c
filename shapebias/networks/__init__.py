"""What is known of a network: how it takes pixels, which classes it has, where its weights come from."""
