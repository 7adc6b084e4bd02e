"""Where people see the trials: MLflow, and its dashboard."""
