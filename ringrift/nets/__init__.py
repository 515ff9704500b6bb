"""The network and what stands around it: features, symmetries, checkpoints, inference backends."""
