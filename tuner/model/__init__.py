"""Networks as plans: heads, losses, metrics, layers; numbers and names, no Keras."""
