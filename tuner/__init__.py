"""Hyperparameter search for neural networks: cross-validated, repeatable, honest, fast."""
