"""Where trials are evaluated: in this process, or in workers beside it."""
