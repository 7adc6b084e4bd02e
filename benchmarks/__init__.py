"""Side by side with what a user would write instead: the same folds, params and epochs, timed in one run."""
