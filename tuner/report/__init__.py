"""A study's review: what its numbers are worth, and the pages that show them."""
