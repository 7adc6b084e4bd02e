"""The end of a study: its final model, and models that are exported."""
