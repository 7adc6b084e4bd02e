"""The model folder: saved, loaded and predicted from without its study."""
