"""The programs of a stage: built, started, watched over and ended, with all that comes of them."""
