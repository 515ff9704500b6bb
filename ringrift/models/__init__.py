"""Which network is which: names to files, promotion, distribution."""
