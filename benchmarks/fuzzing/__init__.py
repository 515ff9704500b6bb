"""Parts of the fuzzer: how inputs are spoiled, what reads them, and who watches (benchmarks/fuzz.py)."""
