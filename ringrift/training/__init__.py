"""Learning: datasets in, one network out. Torch lives here and in ringrift.nets only."""
