"""What events are: their kinds, and what each kind carries. Who tells and who is told is `ringrift.pipeline`."""
