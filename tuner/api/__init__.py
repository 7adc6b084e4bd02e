"""Tuner from Python: studies of tables in memory, their results as an object, estimators for scikit-learn."""
