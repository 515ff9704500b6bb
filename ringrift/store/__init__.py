"""What happened: the ledger in SQL, and the blobs, files named by their content."""
