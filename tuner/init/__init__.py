"""The first study file of a table: looked at, argued, written, timed."""
