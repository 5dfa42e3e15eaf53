"""What a student says to ./lab while building a stage: start, check, watch, hint, next."""
