"""From a source to a data set, its folds and what a network reads."""
