"""How trials are chosen, judged, run and recorded."""
