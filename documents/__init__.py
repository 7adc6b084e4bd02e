"""What of the documents is made from the program: pages of reference, and how ``docs/`` becomes a site."""
