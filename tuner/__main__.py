"""``python -m tuner`` is ``tune``, whatever else a program of that name is: Ray, for one, brings its own."""

from tuner.cli import command

command()
