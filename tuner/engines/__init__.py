"""Engines train one network on all folds at one pace."""
