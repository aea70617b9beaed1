"""Stored rows as a file: what is wanted, the rows page by page, the formats, and the work with its progress."""
