"""The pages in docs/: what they quote is run again, and their tables are made from data."""
