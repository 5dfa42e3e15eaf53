"""The harness's own tests, and what they share."""
